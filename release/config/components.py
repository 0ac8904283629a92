"""Which components the files of a change concern, by `paths:` and `depends:`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from release.config.load import Component
from release.config.path_globs import matcher
from release.versions.bump import Reach


def dependencies(components: Iterable[Component], name: str) -> tuple[str, ...]:
    """The components that `name` depends on, directly or through others, nearest first."""
    direct = {one.name: one.section.depends for one in components}
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

    def concerning(self, name: str, paths: Iterable[str]) -> str:
        """The first file that concerns component `name` or a component that it depends on; empty if none does.

        A component without `paths` owns every file.
        """
        own, others = self._own(name), self._of_dependencies(name)
        return next((path for path in paths if own(path) or others(path)), "")

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

    def _own(self, name: str) -> Callable[[str], bool]:
        return self._matcher(self._components[name].section.paths or ("**",))

    def _of_dependencies(self, name: str) -> Callable[[str], bool]:
        names = dependencies(self._components.values(), name)
        globs = dict.fromkeys(self._components[one].section.paths or ("**",) for one in names)
        matchers = [self._matcher(one) for one in globs]
        return lambda path: any(one(path) for one in matchers)

    def _matcher(self, globs: tuple[str, ...]) -> Callable[[str], bool]:
        if globs not in self._matchers:
            self._matchers[globs] = matcher(globs)
        return self._matchers[globs]
