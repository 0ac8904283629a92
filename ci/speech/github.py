"""Workflow commands of GitHub Actions, Gitea and Forgejo.

Source: docs.github.com, "Workflow commands"; actions/runner `ActionCommand.cs` and `ExecutionContext.cs` (limits).
"""

from __future__ import annotations

from collections.abc import Iterable

from ci.escape import escape_foreign
from ci.speech import Level, LogCommand

#: Annotations of one level that GitHub's runner keeps per step; it drops further ones (`ExecutionContext.cs`).
PER_LEVEL = 10
#: Characters of an annotation's message that GitHub's runner keeps. A longer message is cut here, with `…` at its end.
MESSAGE = 4096


def group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return `::group::title`."""
    return LogCommand(f"::group::{_data(escape_foreign(title))}")


def end_group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return `::endgroup::`."""
    return LogCommand("::endgroup::")


def annotation(
    level: Level, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
) -> LogCommand:
    """Return `::error file=…,line=…,title=…::message`, cut at the runner's limit."""
    given = {"file": file, "line": str(line) if line and file else None, "title": title}
    properties = ",".join(f"{name}={_property(escape_foreign(text))}" for name, text in given.items() if text)
    lines = [escape_foreign(one) for one in message.splitlines()]
    text = "\n".join(lines)
    if len(text) > MESSAGE:
        text = text[: MESSAGE - 1] + "…"
    return LogCommand(f"::{level}{' ' if properties else ''}{properties}::{_data(text)}")


def mask(value: str) -> LogCommand:
    """Return one `::add-mask::` per line of `value`: the runner hides single lines only."""
    return LogCommand("\n".join(f"::add-mask::{_data(line)}" for line in value.splitlines() if line.strip()))


def within_limit(annotations: Iterable[tuple[Level, str]]) -> list[tuple[Level, str]]:
    """Return at most `PER_LEVEL` annotations of each level; the last one states how many were left out."""
    by_level: dict[Level, list[str]] = {}
    kept: list[tuple[Level, str]] = []
    for level, message in annotations:
        by_level.setdefault(level, []).append(message)
    for level, messages in by_level.items():
        shown = messages
        if len(messages) > PER_LEVEL:
            more = len(messages) - PER_LEVEL + 1
            shown = [*messages[: PER_LEVEL - 1], f"{more} more of level {level}: see the log"]
        kept += [(level, message) for message in shown]
    return kept


def stop_commands(token: str) -> LogCommand:
    """Return the command that makes the runner ignore commands until `resume_commands(token)`; `token`: random."""
    return LogCommand(f"::stop-commands::{token}")


def resume_commands(token: str) -> LogCommand:
    """Return the line that ends `stop_commands`."""
    return LogCommand(f"::{token}::")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
