"""Which releases an image tag's present images belong to, for questions that name a tag, such as `latest`."""

from __future__ import annotations

from collections.abc import Iterable

from release.log.answers.scope import Scope
from release.log.catalog.view import LogView
from release.log.questions import TagHistory
from release.log.state import ReleaseState, TagHold

# Digests of each target that `log show TAG` lists: the present one and nine before it. `log history` lists all.
_SHOWN = 10


def holds_of(view: LogView, name: str, scope: Scope) -> tuple[TagHistory, ...]:
    """The newest digests that the tag `name` held on each target, the present one last.

    () if `name` is not a tag, or is a version or git tag: `1.4.2` means the release 1.4.2, whoever holds its tag.
    """
    if view.of_version(name, scope):
        return ()
    return tuple(one for one in view.holds(name, _SHOWN).tags if scope.covers_tag(one.target, one.holds))


def holders(view: LogView, tags: Iterable[TagHistory], scope: Scope) -> tuple[ReleaseState, ...]:
    """The releases whose images the tags hold, oldest first. Of a tag that was removed: what it held last."""
    found: dict[str, ReleaseState] = {}
    for one in tags:
        last = next((hold for hold in reversed(one.holds) if hold.digest), None)
        if last is not None and (release := _release_of(view, last, scope)) is not None:
            found[release.key] = release
    return tuple(sorted(found.values(), key=lambda one: one.planned_seq))


def _release_of(view: LogView, hold: TagHold, scope: Scope) -> ReleaseState | None:
    """The release of the image that a tag held: the one that set it, else, as for a promotion, one with its digest."""
    if hold.release and (release := view.release(hold.release)) is not None:
        return release
    same = view.named(hold.digest, scope)
    return same[-1] if same else None
