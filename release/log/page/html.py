"""The log as one self-contained HTML page: a timeline with filters, and what each tag held over time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from release.log.questions import Filter, select, tags_of
from release.log.state import LogState, ReleaseState, TagHold
from release.log.yanked import Yank, Yanks, yank_of
from release.versions.status import KnownStatus


def page(template: str, state: LogState, yanks: Yanks, *, title: str, head: str, now: str) -> str:
    """Make the page. `template`: `page.html`. `head`: the log's head. `now`: the time at the timeline's right end."""
    releases = select(state, Filter())
    moving = {tag: holds for tag, holds in state.holds.items() if _is_moving(holds)}
    first = min((holds[0].at for holds in moving.values()), default=now)
    start, end = _seconds(first), max(_seconds(now), _seconds(first) + 1)
    lanes = [_lane(tag, holds, start, end) for tag, holds in moving.items()]
    filled = {
        "title": escape(title),
        "head": escape(head),
        "channels": _options(release.channel for release in releases),
        "states": _options("yanked" if yank_of(yanks, release) else release.state for release in releases),
        "count": f"{len(releases)} of {len(releases)} releases",
        "lanes": "\n".join(lanes) or "<p>No tag moved yet.</p>",
        "first": escape(first[:10]),
        "now": escape(now[:10]),
        "releases": "\n".join(
            _release(release, yank_of(yanks, release), _status(state, release)) for release in releases
        ),
    }
    return _fill(template, filled)


def _fill(template: str, values: Mapping[str, str]) -> str:
    # One pass from the left, so that placeholders inside the inserted values are not replaced.
    parts = []
    rest = template
    while rest:
        before, opened, after = rest.partition("{{")
        name, _, rest = after.partition("}}") if opened else ("", "", "")
        parts += [before, values[name]] if opened else [before]
    return "".join(parts)


def _options(names: Iterable[str]) -> str:
    return "".join(f"<option>{escape(name)}</option>" for name in sorted(set(names)) if name)


def _status(state: LogState, release: ReleaseState) -> KnownStatus | None:
    return None if release.between_releases else state.statuses.get((release.project, release.version))


def _release(release: ReleaseState, yank: Yank | None, status: KnownStatus | None) -> str:
    tags = tags_of(release)
    digest = release.image.digest if release.image is not None else ""
    words = " ".join([release.version, release.commit, digest, release.channel, *tags]).lower()
    state = "yanked" if yank is not None else release.state
    kind = "" if state == "released" else f' class="{"yanked" if yank is not None else "open"}"'
    boxed = yank is None and status is not None and status.status == "prerelease"
    shown = f"{state}, pre-release" if boxed else state
    why = f'<div class="more">taken back: {escape(yank.reason)}</div>' if yank is not None else ""
    chips = "".join(f"<span>{escape(tag)}</span>" for tag in tags)
    when = yank.at if yank is not None else release.released_at or release.planned_at
    return (
        f'<li{kind} data-text="{escape(words)}" data-channel="{escape(release.channel)}"'
        f' data-state="{escape(state)}">'
        f'<span class="name">{escape(release.version or release.channel)}</span> '
        f'<span class="when">{escape(shown)} <time datetime="{escape(when)}">{escape(when[:19])}</time></span>'
        f'<div class="tags">{chips}</div>{why}'
        f'<div class="more">commit <code>{escape(release.commit[:12])}</code> <code>{escape(digest)}</code></div></li>'
    )


def _is_moving(holds: Sequence[TagHold]) -> bool:
    return len({hold.digest for hold in holds}) > 1 or any(hold.kind == "moved" for hold in holds)


def _lane(tag: tuple[str, str], holds: Sequence[TagHold], start: float, end: float) -> str:
    """The bar of a (target, tag): a part for each digest, as wide as its time. `start`, `end`: its scale."""
    stretches = []
    for number, hold in enumerate(holds):
        until = _seconds(holds[number + 1].at) if number + 1 < len(holds) else end
        left, right = (100 * (moment - start) / (end - start) for moment in (_seconds(hold.at), until))
        stretches.append(_stretch(hold, number, left, right - left))
    name = escape(":".join(tag))
    return f'<div class="lane"><b>{name}</b><div class="bar">{"".join(stretches)}</div></div>'


def _stretch(hold: TagHold, number: int, left: float, width: float) -> str:
    label = hold.version or hold.digest[7:19] or "removed"
    kind = "gone" if not hold.digest else "odd" if number % 2 else "even"
    told = escape(f"{label} from {hold.at}: {hold.digest or 'removed'}")
    return f'<span class="{kind}" style="left:{left:.2f}%;width:{width:.2f}%" title="{told}">{escape(label)}</span>'


def _seconds(timestamp: str) -> float:
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except (ValueError, OverflowError):  # a log may hold text that is not a time
        return 0.0
