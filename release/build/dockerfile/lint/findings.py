"""The values of a check: rules, findings, and how severe they are."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "info"]
#: From the most severe to the least.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule. `summary`: what the rule finds, in one sentence. `hint`: the change that mends a finding."""

    id: str
    severity: Severity
    summary: str
    hint: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A place that breaks a rule. `line`, `column`: counted from 1. `checker`: the program that found it."""

    file: str
    line: int
    column: int
    severity: Severity
    rule: str
    message: str
    hint: str | None = None
    checker: str = "shipmark"


def reaches(severity: Severity, threshold: Severity) -> bool:
    """Whether `severity` is as severe as `threshold`, or more."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(threshold)
