"""Refuses programs for another machine than the image's platform, since they would never run."""

from __future__ import annotations

from release.build.embedded.machines import NEEDED, Program, program_of
from release.build.ignore import Ignore, parse_ignore
from release.compression.entries import Node
from release.errors import BuildError
from release.oci.image_json import Platform


def read_allowed(patterns: tuple[str, ...]) -> Ignore:
    """The option `foreign_binaries`: paths that may be for any machine. Raises `BuildError` for a broken pattern."""
    return parse_ignore("\n".join(patterns), "build.foreign_binaries")


class Programs:
    """The programs of one layer, seen while it is written; several platforms may share the layer.

    `allowed`: patterns of paths that are not checked.
    """

    def __init__(self, allowed: Ignore) -> None:
        self._allowed = allowed
        self._first: dict[Program, str] = {}  # the programs, with the first path for each machine

    def look(self, path: str, node: Node, start: bytes) -> None:
        """Remember the first program for each machine, unless its path is allowed. `start`: the file's first bytes."""
        program = program_of(start[:NEEDED], is_executable=node.mode & 0o111 != 0)
        if program is not None and program not in self._first and not self._allowed.excludes(path):
            self._first[program] = path

    def require(self, platform: Platform) -> None:
        """Raise `BuildError` if a program was seen that no machine of `platform` runs."""
        for program, path in self._first.items():
            if not program.runs_on(platform):
                raise BuildError(
                    f"`/{path}` is a program for {program}, but the image is for `{platform}`",
                    hint="build it for that platform; where the image only carries it, write"
                    f" `build: {{foreign_binaries: [{path}]}}`",
                )
