"""Which folders a stage surely lacks when an instruction puts something below them. Pure.

Builders differ in the owner and mode that such folders get. What a base image or a RUN brings is not known, and a
folder that may exist counts as existing.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Iterator


class StageFolders:
    """The folders of one stage, as far as its instructions tell. `None` as `known`: any folder may exist."""

    def __init__(
        self, known: frozenset[str] | None = None, *, working_dir: str = "/", is_placed: bool = False
    ) -> None:
        self._known = known
        self._working_dir = working_dir
        # Whether `working_dir` is known, and not that of a base image which was not read.
        self._is_placed = is_placed or known is not None
        self.user = ""  # of `USER`; BuildKit gives it the folders of `WORKDIR`
        self._filled: tuple[str, ...] = ()  # folders below which anything may exist
        self._made = frozenset({"/"})  # folders that instructions made, whatever the base image has

    def copy(self) -> StageFolders:
        """The folders of a stage that starts from this one."""
        return copy.copy(self)  # no member is changed in place

    def forget(self) -> None:
        """Any folder may exist from here on."""
        self._known = None

    def path(self, operand: str) -> str:
        """An absolute path without a slash at its end."""
        return posixpath.normpath(posixpath.join("/", self._working_dir, operand))

    def is_root(self, operand: str) -> bool:
        """Whether a mount's target is surely `/`. BuildKit compares absolute targets as they are written."""
        is_known = self._is_placed and not operand.startswith("/")
        return operand == "/" or (is_known and self.path(operand) == "/")

    def enter(self, operand: str) -> None:
        """Apply a `WORKDIR`, which makes its folder and the folders above it."""
        self._is_placed = self._is_placed or operand.startswith("/")
        self._working_dir = self.path(operand)
        self._make(self._working_dir)

    def fill(self, operand: str) -> None:
        """Apply a `COPY` or `ADD`: below its destination, anything may exist from here on."""
        path = self.path(operand)
        self._make(path if operand.endswith("/") else posixpath.dirname(path))
        self._filled = (*self._filled, path)

    def lacks(self, operand: str, *, itself: bool) -> str | None:
        """The first folder above a destination that does not exist; `itself`: or the destination."""
        path = self.path(operand)
        return next(
            (each for each in (*_above(path), *([path] if itself else [])) if self._is_new(each)), None
        )

    def has(self, operand: str) -> bool:
        """Whether the path is surely a folder."""
        return self.path(operand) in self._made

    @property
    def is_nothing(self) -> bool:
        """Whether the stage surely has neither a file nor a folder."""
        return self._known is not None and not self._known and not self._filled

    def _is_new(self, path: str) -> bool:
        if self._known is None or path == "/" or path in self._known:
            return False
        return not any(path == each or path.startswith(f"{each.rstrip('/')}/") for each in self._filled)

    def _make(self, path: str) -> None:
        made = {*_above(path), path}
        self._made |= made
        if self._known is not None:
            self._known |= made


def _above(path: str) -> Iterator[str]:
    """The folders above an absolute path, from the top, without the root."""
    parts = path.strip("/").split("/")[:-1]
    for count in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:count])
