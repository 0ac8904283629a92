"""Decides which part of the version unreleased changes raise, by rules from type to part. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from release.versions.commit_message import Entry, entries_of
from release.versions.commits import Change

Part = Literal["major", "minor", "patch"]
#: How the files of a commit concern a component: its own files, only files of components that it depends on, or none.
Reach = Literal["own", "dependency", "none"]

# Sorted from the smallest change to the largest: the greatest index among several commits gives the next version.
_ORDER: tuple[Part, ...] = ("patch", "minor", "major")
#: `feat` and `fix`: Conventional Commits 1.0.0, and `feature` as the reference presets read it. `perf` and `revert`
#: change behaviour too, so they are released as patches. Other types (`docs`, `chore`) are not released.
DEFAULT_TYPES: Mapping[str, Part | Literal["none"]] = {
    "feat": "minor",
    "feature": "minor",
    "fix": "patch",
    "perf": "patch",
    "revert": "patch",
}
# Commits that the reason names; more would not fit on a line.
_NAMED = 3
_LONGEST = 72  # characters of a subject in the reason: git's own advice for subjects


class BumpRules(msgspec.Struct, frozen=True, kw_only=True):
    """The part that each type raises, in addition to `DEFAULT_TYPES`.

    A breaking change raises `major`, whatever its type. `major_on_zero`: whether a breaking change leads from `0.4.2`
    to `1.0.0`, and not to `0.5.0`.
    """

    types: Mapping[str, Part | Literal["none"]] = {}
    major_on_zero: bool = False

    def part_of(self, entry: Entry) -> Part | None:
        """The part that a change raises; None if it needs no release."""
        if entry.breaking:
            return "major"
        part = self.types.get(entry.type) or DEFAULT_TYPES.get(entry.type)
        return None if part == "none" else part


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The part that changes raise together.

    `changes`: the changes that raise this part, newest first, one for each commit.
    """

    part: Part
    changes: tuple[Change, ...]

    @property
    def reason(self) -> str:
        """The part, and the subjects and ids of the commits: "minor: `feat: x` (3f2a9c1b7d40)"."""
        named = [f"`{_short(one.entry.subject)}` ({one.commit.id[:12]})" for one in self.changes[:_NAMED]]
        more = len(self.changes) - len(named)
        return f"{self.part}: {', '.join(named)}{f' and {more} more' if more else ''}"


_DEFAULT = BumpRules()


def part_of(message: str, rules: BumpRules = _DEFAULT) -> Part | None:
    """The largest part that the changes of one message raise, as if the commit were no merge and nothing reverted."""
    parts = [part for entry in entries_of(message) if (part := rules.part_of(entry)) is not None]
    return max(parts, key=_ORDER.index, default=None)


def step_of(
    changes: Iterable[Change],
    rules: BumpRules = _DEFAULT,
    reach: Callable[[Sequence[str]], Reach] | None = None,
) -> Step | None:
    """The most significant part that the changes raise, and those changes; None if no change needs a release.

    `reach`: how the files of a commit concern the component; a change of dependencies alone raises at most the patch.
    None if the component has no paths, so that every commit concerns it.
    """
    by_part: dict[Part, dict[str, Change]] = {}
    for change in changes:
        part = rules.part_of(change.entry)
        if part is None:
            continue
        if reach is not None:
            concern = reach(change.paths)
            if concern == "none":
                continue
            part = "patch" if concern == "dependency" else part
        by_part.setdefault(part, {}).setdefault(change.commit.id, change)
    highest = max(by_part, key=_ORDER.index, default=None)
    return None if highest is None else Step(part=highest, changes=tuple(by_part[highest].values()))


def _short(subject: str) -> str:
    return subject if len(subject) <= _LONGEST else f"{subject[: _LONGEST - 1]}…"
