"""Formats the log commands of CI systems: groups, annotations, masks. Pure: text in, text out."""

from __future__ import annotations

from importlib import import_module
from typing import Literal, Protocol

Level = Literal["notice", "warning", "error"]


class LogCommand(str):
    """Lines for a CI system's log that may contain its commands. Without a newline at the end; may be empty.

    Only modules of `ci.speech` create a `LogCommand`, from text that they escaped. Printers write a `LogCommand`
    unchanged, and escape any other text.
    """

    __slots__ = ()


class Voice(Protocol):
    """The interface of the modules in `ci.speech`.

    Titles and messages may be foreign text: each module escapes them.
    """

    def group(self, title: str, *, at: int = 0) -> LogCommand:
        """Open a folding group. `at`: seconds since the epoch, for systems that show a group's duration."""

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
        """A message that the system shows beside the log, or else in it. `file`: path below the repository's root."""

    def mask(self, value: str) -> LogCommand:
        """The command that hides every line of `value` in the log after it; empty if the system has no such command."""


#: System -> module of `ci.speech`. Systems that are not listed have no log commands, and use the module `plain`.
VOICES: dict[str, str] = {
    "github": "github",
    "gitea": "github",
    "forgejo": "github",
    "gitlab": "gitlab",
    "azure": "azure",
    "buildkite": "buildkite",
}

#: Systems that show annotations beside the log. Elsewhere an annotation is a line of the log.
ANNOTATED = frozenset({"github", "gitea", "forgejo", "azure"})


def voice(system: str) -> Voice:
    """Return the module for `system`, a name of `ci.systems.NAMES`; `plain` for a system without log commands."""
    module: Voice = import_module(f"ci.speech.{VOICES.get(system, 'plain')}")
    return module
