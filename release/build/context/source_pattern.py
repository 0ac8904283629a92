"""One source of a COPY, an ADD or a bind mount, and the paths of the context that it stands for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

import msgspec

from release.build.context.tree import LinkLoop, Tree, matches
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
        """The paths that a source with wildcards matches, sorted; none for an invalid one or another source."""
        try:
            return matches(self.pattern, files) if self.is_wild else []
        except (LinkLoop, ValueError):
            return []  # the builder reports the error

    @property
    def literal(self) -> tuple[str, ...]:
        """The names before the first wildcard."""
        return tuple(takewhile(lambda name: not has_wildcard(name), self.pattern))

    def behind_links(self, files: Tree) -> Iterator[Source]:
        """This source with symlinks of `files` followed, where a builder follows them: what it reads there, too."""
        literal, rest = self.literal, self.pattern[len(self.literal) :]
        # `--parents` keeps a symlink that it names or matches.
        resolve = files.resolve if rest or not self.keeps_parents else files.resolve_parent
        try:
            if literal:
                resolved = _names(resolve("/".join(literal)))
                yield msgspec.structs.replace(self, pattern=resolved + rest)
            for path in self.matches(files) if not self.keeps_parents else ():
                yield msgspec.structs.replace(self, pattern=_names(files.resolve(path)))
        except LinkLoop:
            return  # the builder reports the error


def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")) if path else ()


def _fits(wanted: str, name: str) -> bool:
    if not has_wildcard(wanted):
        return wanted == name
    try:
        return match_component(wanted, name)
    except ValueError:
        return False  # not a valid pattern: the builder reports the error
