"""The table of `shipmark doctor`: it fits a narrow terminal, and lines to type stay in one piece."""

from __future__ import annotations

from typing import Any

from release.app.setup.doctor.report import DoctorReport, Finding
from release.cli.output.findings import finding_lines

FIX = "log in with `docker login registry.example.com`, or set SHIPMARK_REGISTRY_REGISTRY_EXAMPLE_COM_TOKEN"


def report(*findings: Finding) -> DoctorReport:
    states = [one.state for one in findings]
    counts: dict[str, Any] = {
        "problems": states.count("problem"),
        "warnings": states.count("warning"),
        "not_checked": states.count("not checked"),
    }
    return DoctorReport(exit_code=0, findings=findings, **counts)


PROBLEM = Finding(
    check="push",
    state="problem",
    seen="registry.example.com/acme/app: `registry.example.com` answered 403 to the question whether it may push",
    fix=FIX,
    place="shipmark.yml:1",
)


def test_table_fits_sixty_columns() -> None:
    lines = finding_lines(report(PROBLEM, Finding(check="credentials", state="ok", seen="fine")), width=60)
    assert [line for line in lines if len(line) > 60] == []
    assert lines[0].startswith("problem  push         shipmark.yml:1:")
    assert "  fix: log in with `docker login registry.example.com`, or" in lines
    assert lines[-2:] == ["ok       credentials  fine", "1 problem, 1 ok."]


def test_narrower_terminal_gets_sixty_columns_and_a_pipe_gets_whole_lines() -> None:
    assert finding_lines(report(PROBLEM), width=20) == finding_lines(report(PROBLEM), width=60)
    assert f"  fix: {FIX}" in finding_lines(report(PROBLEM), width=None)


def test_line_to_type_is_not_broken() -> None:
    long = "run `git config --global --add safe.directory /a/very/long/path/to/the/checkout/of/app` before"
    lines = finding_lines(report(Finding(check="git", state="warning", seen="x", fix=long)), width=60)
    assert any(
        "`git config --global --add safe.directory /a/very/long/path/to/the/checkout/of/app`" in one
        for one in lines
    )


def test_what_was_not_checked_is_told_once_for_each_reason() -> None:
    unasked = [
        Finding(check=name, state="not checked", seen="`--offline`") for name in ("push", "delete", "push")
    ]
    assert finding_lines(report(*unasked), width=None) == [
        "not checked: push, delete: `--offline`",
        "3 not checked.",
    ]


def test_foreign_text_cannot_end_a_line() -> None:
    odd = Finding(check="push", state="warning", seen="a\n::error::b\x1b[31m", fix="c\rd")
    assert len(finding_lines(report(odd), width=None)) == 3
