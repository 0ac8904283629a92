"""One source of a COPY, an ADD or a bind mount, and the paths of the context that it stands for. Pure."""

from __future__ import annotations

import msgspec

from release.build.embedded.tree import Tree
from release.build.ignore import match_component
from release.patterns import has_wildcard


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One source of an instruction.

    `where`: `Dockerfile:3`. `stage`: the number of the instruction's stage. `text`: as written. `pattern`: the names of
    the path, each a name or a wildcard, up to a `**`; () for the whole context, and where a variable is not known.
    `is_exact`: the pattern does not depend on a variable. `is_mount`: the source is that of a bind mount.
    `keeps_parents`, `excludes`: the instruction has the flag `--parents`, `--exclude`. `destination`: where a COPY or
    ADD puts it.
    """

    where: str
    keyword: str
    stage: int
    text: str
    pattern: tuple[str, ...]
    is_exact: bool = True
    is_mount: bool = False
    keeps_parents: bool = False
    excludes: bool = False
    destination: str = ""

    def reaches(self, path: str) -> bool:
        """Whether this source reads `path`, something in the folder `path`, or a folder above `path`."""
        return all(_fits(wanted, name) for wanted, name in zip(self.pattern, path.split("/"), strict=False))

    @property
    def is_wild(self) -> bool:
        """Whether the source has wildcards."""
        return any(has_wildcard(name) for name in self.pattern)

    def matches(self, files: Tree) -> list[str]:
        """The paths that a source with wildcards matches, sorted; none for one that is not known."""
        if not self.is_exact or not self.is_wild:
            return []
        depth = len(self.pattern)
        return sorted(path for path in files.paths() if path.count("/") + 1 == depth and self.reaches(path))


def _fits(wanted: str, name: str) -> bool:
    if not has_wildcard(wanted):
        return wanted == name
    try:
        return match_component(wanted, name)
    except ValueError:
        return False  # not a valid pattern: the builder reports the error
