"""The report of `doctor`: one finding or more for each check."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warning", "problem", "not checked"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check saw. `check`: its name in the table of checks.

    `seen`: one line; for `not checked` the reason. `fix`: what to type, or the line for the CI file at hand; None where
    nothing has to be done. `place`: `file:line`, where the finding is about a line of a file.
    """

    check: str
    state: State
    seen: str
    fix: str | None = None
    place: str | None = None


class DoctorReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.doctor/1`. `exit_code`: of the first finding that is a problem; 0 without one."""

    schema: Literal["shipmark.doctor/1"] = "shipmark.doctor/1"
    exit_code: int
    problems: int
    warnings: int
    not_checked: int
    findings: tuple[Finding, ...]
