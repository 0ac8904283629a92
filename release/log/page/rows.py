"""What the log says of one release, for the page: its own entries, and later ones about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from release.log.questions import tags_of
from release.log.records.entry_members import commit_of, digest_of
from release.log.records.members import Fields, dicts_of, number_of, object_of, text_of
from release.log.state import ReleaseState, rebuild_name
from release.log.yanked import Yanks, yank_of
from release.versions.status import KnownStatus

#: State of a release on the page -> its symbol and what it means. One colour belongs to each, in `page.css`.
STATES: Mapping[str, tuple[str, str]] = {
    "released": ("✓", "every required registry has the image, and it counts for its moving tags"),
    "pre-release": ("◐", "released, but it counts for no stable tag"),
    "yanked": ("✕", "released and taken back: it counts for no tag"),
    "unfinished": ("…", "a run began the release; no registry is known to have all of it"),
    "failed": ("!", "the newest run for the release ended with an error, or was cancelled"),
    "promoted": ("↑", "the same image was given a place in another repository"),
    "deployed": ("▸", "the image runs in an environment now"),
}


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A release as its own entries say. `name`: with the rebuild; `""`: no version. `end`: of the newest attempt."""

    seq: int
    project: str
    component: str
    version: str
    name: str
    channel: str
    state: str
    end: str
    at: str
    commit: str
    digest: str
    tags: tuple[str, ...]
    target: str
    remote: str
    run: str
    run_id: str


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """What entries of other kinds say of a release. `promoted`: where to. `running`: where it runs since when."""

    yanked: str | None = None
    is_prerelease: bool = False
    promoted: str = ""
    running: tuple[str, ...] = ()


def row_of(release: ReleaseState) -> Row:
    """The row of a release."""
    newest = release.attempts[-1] if release.attempts else None
    ci = next((one.ci for one in reversed(release.attempts) if one.ci), {})
    return Row(
        release.planned_seq,
        release.project,
        release.component,
        release.version,
        release.name,
        release.channel,
        release.state,
        (newest.ended or "") if newest is not None and release.state != "released" else "",
        release.released_at or release.planned_at,
        release.commit,
        release.image.digest if release.image is not None else "",
        tags_of(release),
        release.pushed[0].target if release.pushed else "",
        text_of(dict(release.source), "remote"),
        text_of(dict(ci), "run_url"),
        text_of(dict(ci), "run_id"),
    )


def plain_row(entries: Sequence[Fields]) -> Row | None:
    """The row of a release that one attempt made without anything special; None for all others.

    Gives what `row_of` gives for the folded entries, in a fifth of the time. Nearly all releases are of this kind.
    """
    plan = entries[0]
    pushed: list[Fields] = []
    moved: list[Fields] = []
    released: Fields | None = None
    for fields in entries[1:]:
        match fields["kind"]:
            case "built" | "built-platform" if not pushed:
                pass
            case "pushed" if released is None:
                pushed.append(fields)
            case "released" if released is None and pushed:
                released = fields
            case "moved" if released is not None:
                moved.append(fields)
            case _:
                return None
    if released is None or plan["kind"] != "planned":
        return None
    contents = [*pushed, *moved]
    digest = digest_of(released)
    version = text_of(released, "version") or text_of(plan, "version")
    is_plain = digest and all(digest_of(one) == digest for one in pushed) and "_r" not in version
    if not is_plain or len({(one["kind"], text_of(one, "target")) for one in contents}) < len(contents):
        return None
    ci, rebuild = object_of(plan, "ci"), number_of(released, "rebuild", 0) or number_of(plan, "rebuild", 0)
    return Row(
        plan["seq"],
        text_of(plan, "project"),
        text_of(plan, "component"),
        version,
        rebuild_name(version, rebuild),
        text_of(plan, "channel"),
        "released",
        "",
        text_of(released, "at") or text_of(plan, "at"),
        commit_of(plan) or commit_of(released),
        digest,
        tuple(dict.fromkeys(_set(contents))),
        text_of(pushed[0], "target"),
        text_of(object_of(plan, "source"), "remote"),
        text_of(ci, "run_url"),
        text_of(ci, "run_id"),
    )


def _set(contents: Sequence[Fields]) -> Iterator[str]:
    for fields in contents:
        for tag in dicts_of(fields, "tags"):
            if text_of(tag, "result") != "withheld":
                yield text_of(tag, "name")


def later_of(
    row: Row,
    yanks: Yanks,
    statuses: Mapping[tuple[str, str], KnownStatus],
    promoted: str,
    running: Sequence[str],
) -> Later:
    """What other entries say of the release."""
    yank = yank_of(yanks, row)
    status = statuses.get((row.project, row.version)) if row.version else None
    return Later(
        yanked=yank.reason if yank is not None else None,
        is_prerelease=row.channel == "prerelease" or (status is not None and status.status == "prerelease"),
        promoted=promoted,
        running=tuple(running),
    )


def states_of(row: Row, later: Later) -> tuple[str, ...]:
    """The states of a release, of `STATES`; the first is how far it came and whether it counts."""
    if row.state != "released":
        first = "failed" if row.end in ("failed", "cancelled", "abandoned") else "unfinished"
    elif later.yanked is not None:
        first = "yanked"
    else:
        first = "pre-release" if later.is_prerelease else "released"
    return (
        first,
        *(["promoted"] if later.promoted else []),
        *(["deployed"] if later.running else []),
    )
