"""Where a release's image comes from: resumed, adopted, reused, or built. Chosen while planning. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from release.errors import InputsChanged, RefusedError, TagConflict
from release.plan.ownership import Expectation, ownership, same_platforms
from release.tagging.model import Decision, FixedTag, Held, HeldTags

STORE = "store"  # how plans name the local content store among the places of an image


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What the version log says of this release key. `pushed`, `moved`: targets. `visible`: something was pushed."""

    digest: str | None = None
    inputs: Mapping[str, Any] = {}
    attempt: str | None = None
    pushed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    released: bool = False

    @property
    def visible(self) -> bool:
        """Whether others can see something of it."""
        return bool(self.pushed) or self.released


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Somewhere that has the bytes of a digest: a target's name, or `store`."""

    name: str
    digest: str


class Obtain(msgspec.Struct, frozen=True, kw_only=True):
    """How the image is come by. `sources`: places that have `digest`; empty for a build.

    `abandons`: why building again is right although a digest is recorded: nobody has it any more.
    """

    mode: Literal["build", "resume", "adopt", "reuse"]
    digest: str | None = None
    sources: tuple[str, ...] = ()
    reason: str = ""
    abandons: str | None = None


def choose(
    decision: Decision,
    expected: Expectation,
    held: HeldTags,
    recorded: Recorded,
    places: tuple[Place, ...],
    inputs: Mapping[str, Any],
    *,
    reuse: bool,
) -> Obtain:
    """The way that needs least and breaks nothing: resume, adopt, reuse, then build.

    Raises `InputsChanged` when the release became visible with other inputs, `TagConflict` when two targets hold
    different images of it, `RefusedError` when `reuse` finds no branch build.
    """
    branch_builds = _branch_builds(decision, expected, held) if reuse else ()
    if not recorded.visible:
        # What somebody else released meanwhile counts for more than an image that nobody has seen.
        unbound = msgspec.structs.replace(expected, digests=())
        adopted = _adopt(decision, unbound, held, branch_builds)
        if adopted is not None and adopted.digest != recorded.digest:
            return adopted
    if recorded.digest is not None:
        resumed = _resume(recorded, recorded.digest, places, inputs)
        if resumed is not None:
            return resumed
    adopted = _adopt(decision, expected, held, branch_builds)
    if adopted is not None:
        return adopted
    if reuse and decision.channel in {"release", "prerelease"}:
        return _reuse(decision, branch_builds)
    lost = f"nobody has the bytes of {recorded.digest} any more" if recorded.digest is not None else None
    return Obtain(mode="build", reason="no image of this release exists yet", abandons=lost)


def _resume(
    recorded: Recorded, digest: str, places: tuple[Place, ...], inputs: Mapping[str, Any]
) -> Obtain | None:
    sources = tuple(place.name for place in places if place.digest == digest)
    changed = changed_inputs(recorded.inputs, inputs)
    if changed and (recorded.visible or any(source != STORE for source in sources)):
        raise InputsChanged(
            f"this release became visible with another `{changed[0]}`: "
            f"{_show(recorded.inputs.get(changed[0]))} then, {_show(inputs.get(changed[0]))} now",
            hint="restore it, or give the change a version of its own",
        )
    if changed or not sources:
        return None
    return Obtain(
        mode="resume", digest=digest, sources=sources, reason="built and recorded by an earlier run"
    )


def _adopt(
    decision: Decision, expected: Expectation, held: HeldTags, branch_builds: tuple[Held, ...]
) -> Obtain | None:
    primary = primary_tag(decision)
    reusable = {one.digest for one in branch_builds}
    ours = [
        one
        for one in held.at(primary.name)
        if one.digest in reusable or _is_ours(one, expected, first_wins=primary.policy == "first-wins")
    ]
    if not ours:
        # A run that was killed between two fixed tags may have left only another one.
        others = [tag for tag in decision.tags if isinstance(tag, FixedTag) and tag is not primary]
        ours = [one for tag in others for one in held.at(tag.name) if ownership(one, expected) == "ours"]
    digests = sorted({one.digest for one in ours if one.digest})
    if len(digests) > 1:
        places = ", ".join(f"`{one.target}:{one.tag}` holds {one.digest}" for one in ours)
        raise TagConflict(
            f"two targets hold different images of this release: {places}",
            hint="find out which one is right, and delete the tag on the other target",
        )
    if not digests:
        return None
    return Obtain(
        mode="adopt",
        digest=digests[0],
        sources=tuple(one.target for one in ours),
        reason=f"`{ours[0].target}:{ours[0].tag}` holds this release already",
    )


def _is_ours(held: Held, expected: Expectation, *, first_wins: bool) -> bool:
    whose = ownership(held, expected)
    if whose == "ours":
        return True
    # A first-wins tag promises the commit, not the version that was calculated for it.
    return first_wins and whose == "same-revision" and same_platforms(held, expected)


def _branch_builds(decision: Decision, expected: Expectation, held: HeldTags) -> tuple[Held, ...]:
    """What the commit's own first-wins tags hold: images that its branch build left."""
    names = [tag.name for tag in decision.tags if isinstance(tag, FixedTag) and tag.policy == "first-wins"]
    return tuple(
        one
        for name in names
        for one in held.at(name)
        if one.state == "held" and one.revision == expected.commit and same_platforms(one, expected)
    )


def _reuse(decision: Decision, branch_builds: tuple[Held, ...]) -> Obtain:
    digests = sorted({one.digest for one in branch_builds if one.digest})
    if len(digests) == 1:
        sources = tuple(one.target for one in branch_builds)
        place = f"`{branch_builds[0].target}:{branch_builds[0].tag}`"
        return Obtain(
            mode="reuse", digest=digests[0], sources=sources, reason=f"{place} was built from this commit"
        )
    if digests:
        raise TagConflict(
            f"the targets hold different branch builds of {decision.commit}: {', '.join(digests)}",
            hint="release without `reuse: commit`, or delete the tag that is wrong",
        )
    raise RefusedError(
        f"`reuse: commit` finds no image of commit {decision.commit} on any target",
        hint="let the branch build finish and run again, or release with `reuse: never`",
    )


def primary_tag(decision: Decision) -> FixedTag:
    """The tag that names the release: the first fixed one. Raises `RefusedError` when nothing is to be released."""
    for tag in decision.tags:
        if isinstance(tag, FixedTag):
            return tag
    raise RefusedError(f"component `{decision.component}` has no fixed tag, so nothing names its release")


def changed_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of inputs that differ, sorted; none where nothing was recorded."""
    if not before:
        return ()
    return tuple(sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name)))


def _show(value: Any) -> str:
    return "nothing" if value is None else f"`{msgspec.json.encode(value).decode()}`"
