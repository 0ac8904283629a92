"""Checks the text of a Dockerfile, and gives each finding its line and column."""

from __future__ import annotations

import re

from release.build.dockerfile.lint.checks import Hit, check_all
from release.build.dockerfile.lint.findings import Finding
from release.build.dockerfile.lint.rules import RULES
from release.build.dockerfile.parser import parse
from release.errors import BuildError


def lint(text: str, name: str = "Dockerfile", *, has_ignore: bool = False) -> tuple[Finding, ...]:
    """The findings in a Dockerfile, in the order of its lines. A file that does not parse has one finding, `syntax`.

    `name`: the file's name in findings. `has_ignore`: whether an ignore file applies to the context.
    """
    try:
        dockerfile = parse(text, name)
    except BuildError as error:
        return (_syntax(error, name),)
    lines = text.split("\n")
    found = [_finding(hit, name, lines) for hit in check_all(dockerfile, has_ignore=has_ignore)]
    return tuple(sorted(set(found), key=lambda one: (one.line, one.column, one.rule)))


def _syntax(error: BuildError, name: str) -> Finding:
    """The parser's error as a finding: its message starts with `FILE:LINE: `, where it knows the line."""
    match = re.match(rf"{re.escape(name)}:(\d+): ", error.message)
    return Finding(
        file=name,
        line=int(match[1]) if match else 1,
        column=1,
        severity=RULES["syntax"].severity,
        rule="syntax",
        message=error.message[match.end() :] if match else error.message,
        hint=error.hint or RULES["syntax"].hint,
    )


def _finding(hit: Hit, name: str, lines: list[str]) -> Finding:
    rule = RULES[hit.rule]
    line, column = _place(hit, lines)
    return Finding(
        file=name,
        line=line,
        column=column,
        severity=rule.severity,
        rule=rule.id,
        message=f"{hit.detail}: {rule.summary}" if hit.detail else rule.summary,
        hint=rule.hint,
    )


def _place(hit: Hit, lines: list[str]) -> tuple[int, int]:
    """Line and column of the hit's token; of the instruction's first character where the token is not found."""
    first = hit.instruction.line
    whole = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(hit.token)}", re.IGNORECASE)
    for number in range(first, min(hit.instruction.end_line, len(lines)) + 1):
        match = whole.search(lines[number - 1])
        if match:
            return number, match.start() + 1
    text = lines[first - 1]
    return first, len(text) - len(text.lstrip()) + 1
