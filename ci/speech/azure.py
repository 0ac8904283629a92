"""Logging commands of Azure Pipelines. Source: learn.microsoft.com, "Logging commands"."""

from __future__ import annotations

from ci.escape import escape_foreign
from ci.speech import Level, LogCommand


def group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return `##[group]title`."""
    return LogCommand(f"##[group]{escape_foreign(title)}")


def end_group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return `##[endgroup]`."""
    return LogCommand("##[endgroup]")


def annotation(
    level: Level, message: str, *, title: str | None = None, file: str | None = None, line: int | None = None
) -> LogCommand:
    """Return `##vso[task.logissue type=…]`; for the level notice, which Azure does not have, plain text."""
    text = " ".join(escape_foreign(one) for one in message.splitlines())
    if title:
        text = f"{escape_foreign(title)}: {text}"
    if level == "notice":
        return LogCommand(text)
    place = f"sourcepath={_escaped(escape_foreign(file))};" if file else ""
    place += f"linenumber={line};" if file and line else ""
    return LogCommand(f"##vso[task.logissue type={level};{place}]{_escaped(text)}")


def mask(value: str) -> LogCommand:
    """Return one `task.setsecret` per line of `value`."""
    return LogCommand(
        "\n".join(f"##vso[task.setsecret]{_escaped(line)}" for line in value.splitlines() if line.strip())
    )


def _escaped(text: str) -> str:
    for letter, code in (("%", "%AZP25"), ("\r", "%0D"), ("\n", "%0A"), ("]", "%5D"), (";", "%3B")):
        text = text.replace(letter, code)
    return text
