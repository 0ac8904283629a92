"""Keeps values of build arguments and secrets out of everything that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from release.secrets.known import Secrets


class Secrecy:
    """The values that no output may show. `args`: build arguments; `others`: secrets."""

    def __init__(self, args: Mapping[str, str], others: Iterable[str]) -> None:
        self.args = args
        self._secrets = Secrets()
        for text in (*args.values(), *others):
            # A value of several lines is hidden line by line too, since output is shown line by line.
            self._secrets.add(text, *text.splitlines())

    def add(self, texts: Iterable[str]) -> None:
        """Hide these secrets, too."""
        self._secrets.add(*texts)

    def hide(self, text: str) -> str:
        """`text` with each value replaced by `***`; values below 4 characters stay."""
        return self._secrets.mask(text)

    def __repr__(self) -> str:
        """Only the names of the build arguments, so that no traceback shows a value."""
        return f"Secrecy({sorted(self.args)})"
