"""Which components the files of a change concern, by `paths:` and `depends:`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from release.config.component import Component
from release.config.path_globs import first_match, matcher

if TYPE_CHECKING:
    from release.versions.bump import Reach


def dependencies(components: Iterable[Component], name: str) -> tuple[str, ...]:
    """The components that `name` depends on, directly or through others, nearest first."""
    return _reachable({one.name: one.section.depends for one in components}, name)


def _reachable(direct: Mapping[str, Sequence[str]], name: str) -> tuple[str, ...]:
    found = dict.fromkeys(direct.get(name, ()))
    waiting = list(found)
    for one in waiting:  # the loop appends to the list that it walks
        new = [other for other in direct.get(one, ()) if other not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return tuple(found)


class Ownership:
    """Which components of a config the files of a change concern."""

    def __init__(self, components: Sequence[Component]) -> None:
        self._components = {one.name: one for one in components}
        self._matchers: dict[tuple[str, ...], Callable[[str], bool]] = {}
        self._first: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}

    def concerning(self, name: str, paths: tuple[str, ...]) -> str:
        """The first file that concerns component `name` or a component that it depends on; empty if none does.

        A component without `paths` owns every file.
        """
        globs = dict.fromkeys(self._globs(one) for one in (name, *_reachable(self._direct, name)))
        first = min(self._first_match(one, paths) for one in globs)
        return paths[first] if first < len(paths) else ""

    def _first_match(self, globs: tuple[str, ...], paths: tuple[str, ...]) -> int:
        """The position of the first path that `globs` match; the number of paths without one."""
        # Components share dependencies, and are usually compared with the same commit: without this, each of 40
        # components would match the paths of all its dependencies anew.
        key = (globs, paths)
        if key not in self._first:
            self._first[key] = first_match(globs, paths)
        return self._first[key]

    def reach(self, name: str) -> Callable[[Sequence[str]], Reach] | None:
        """Which files concern component `name`, for its next version; None if every commit concerns the component."""
        section = self._components[name].section
        globs = section.bump.paths or section.paths
        if not globs:
            return None
        own, others = self._matcher(globs), self._of_dependencies(name)

        def reach(paths: Sequence[str]) -> Reach:
            if any(own(path) for path in paths):
                return "own"
            return "dependency" if any(others(path) for path in paths) else "none"

        return reach

    @cached_property
    def _direct(self) -> dict[str, tuple[str, ...]]:
        return {name: one.section.depends for name, one in self._components.items()}

    def _globs(self, name: str) -> tuple[str, ...]:
        return self._components[name].section.paths or ("**",)

    def _of_dependencies(self, name: str) -> Callable[[str], bool]:
        globs = dict.fromkeys(self._globs(one) for one in _reachable(self._direct, name))
        matchers = [self._matcher(one) for one in globs]
        return lambda path: any(one(path) for one in matchers)

    def _matcher(self, globs: tuple[str, ...]) -> Callable[[str], bool]:
        if globs not in self._matchers:
            self._matchers[globs] = matcher(globs)
        return self._matchers[globs]
