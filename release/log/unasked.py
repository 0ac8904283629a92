"""The version log of an untrusted run: empty and read-only, because a stranger may have written the setting `log`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from release.errors import RefusedError
from release.log import Entry, Head


class UnaskedStore:
    """A `LogStore` without entries that refuses every append.

    `reason`: why the run is not trusted. `hint`: what helps.
    """

    name = "not asked (untrusted)"
    local = False

    def __init__(self, reason: str, hint: str) -> None:
        self._reason = reason
        self._hint = hint

    def head(self) -> Head:
        """The head of an empty log."""
        return Head()

    def read(self, after: int = -1) -> Iterator[Entry]:
        """Yield no entry: the log is not read."""
        del after
        return iter(())

    def append(self, lines: Sequence[bytes], expected: Head) -> None:
        """Raise `RefusedError`, since the run is not trusted."""
        del lines, expected
        self.check_writable()

    def check_writable(self) -> None:
        """Raise `RefusedError`, since the run is not trusted."""
        raise RefusedError(
            f"the version log is neither read nor written in a run that is not trusted: {self._reason}",
            hint=self._hint,
        )
