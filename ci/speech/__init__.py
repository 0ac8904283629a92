"""How one speaks to a CI system through its log: groups, annotations, masks. Text in, text out, no files."""

from __future__ import annotations

from importlib import import_module
from typing import Literal, Protocol

Level = Literal["notice", "warning", "error"]


class LogCommand(str):
    """Whole lines for a system's log that may hold one of its commands, without the last newline, or empty.

    Only the modules of this folder make one, out of text that they escaped. Printers let it pass as it is; any other
    text loses its commands.
    """

    __slots__ = ()


class Voice(Protocol):
    """What a module of this folder offers.

    Titles and messages may be foreign text: each module escapes them.
    """

    def group(self, title: str, *, at: int = 0) -> LogCommand:
        """Open a folding group. `at`: seconds since the epoch, for systems that show how long it took."""

    def end_group(self, title: str, *, at: int = 0) -> LogCommand:
        """Close the group that `title` opened. Groups do not nest."""

    def annotation(
        self,
        level: Level,
        message: str,
        *,
        title: str | None = None,
        file: str | None = None,
        line: int | None = None,
    ) -> LogCommand:
        """Say something that the system shows beside the log. `file`: path below the repository's root."""

    def mask(self, value: str) -> LogCommand:
        """Have every line of `value` hidden in what follows; empty where the system cannot."""


#: System -> module of this folder. The others have no commands: plain text.
VOICES: dict[str, str] = {
    "github": "github",
    "gitea": "github",
    "forgejo": "github",
    "gitlab": "gitlab",
    "azure": "azure",
    "buildkite": "buildkite",
}


def voice(system: str) -> Voice:
    """Return how to speak to `system`, a name of `ci.systems.NAMES`; unknown ones get plain text."""
    module: Voice = import_module(f"ci.speech.{VOICES.get(system, 'plain')}")
    return module
