"""Formats the findings of `doctor` as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.app.setup.doctor.report import DoctorReport, Finding
from release.cli.output.columns import wrapped
from release.cli.output.foreign import one_line

_STATE_WIDTH, _CHECK_WIDTH = 9, 13
#: The narrowest table. Below, words would be broken in nearly every line.
_NARROWEST = 60


def finding_lines(report: DoctorReport, *, width: int | None) -> list[str]:
    """A row for each finding, with the fix below it; what was not checked, by reason; and a last line that counts.

    `width`: columns of the terminal; None: lines are not broken.
    """
    columns = None if width is None else max(width, _NARROWEST)
    lines = [line for one in report.findings if one.state != "not checked" for line in _rows(one, columns)]
    reasons: dict[str, list[str]] = {}
    for one in report.findings:
        if one.state == "not checked":
            reasons.setdefault(one.seen, []).append(one.check)
    for reason, checks in reasons.items():
        names = ", ".join(dict.fromkeys(checks))
        lines += _wrapped("not checked: ", f"{names}: {reason}", columns, indent=13)
    good = len(report.findings) - report.problems - report.warnings - report.not_checked
    counts = {
        f"problem{'' if report.problems == 1 else 's'}": report.problems,
        f"warning{'' if report.warnings == 1 else 's'}": report.warnings,
        "not checked": report.not_checked,
        "ok": good,
    }
    return [*lines, ", ".join(f"{number} {name}" for name, number in counts.items() if number) + "."]


def _rows(finding: Finding, width: int | None) -> Iterator[str]:
    start = f"{finding.state:{_STATE_WIDTH}}{finding.check:{_CHECK_WIDTH}}"
    place = f"{finding.place}: " if finding.place else ""
    yield from _wrapped(start, f"{place}{finding.seen}", width, indent=_STATE_WIDTH + _CHECK_WIDTH)
    if finding.fix is not None:
        yield from _wrapped("  fix: ", finding.fix, width, indent=7)


def _wrapped(start: str, text: str, width: int | None, *, indent: int) -> list[str]:
    return [f"{start}{one_line(text)}"] if width is None else wrapped(start, text, width, indent=indent)
