"""Findings as SARIF 2.1.0, which code scanning services read. Pure. Source: OASIS, sarif-v2.1.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from release import __version__
from release.build.dockerfile.lint.findings import Finding, Severity
from release.build.dockerfile.lint.rules import RULES

#: SARIF's names; it has no `info`.
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def sarif(
    findings: Iterable[Finding], *, checkers: Iterable[str], paths: Mapping[str, str]
) -> dict[str, Any]:
    """A SARIF document with one run for each checker that ran.

    `paths`: file of a finding -> its path below the repository's root, by which services find the file.
    """
    found = list(findings)
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [_run(name, [one for one in found if one.checker == name], paths) for name in checkers],
    }


def _run(checker: str, findings: list[Finding], paths: Mapping[str, str]) -> dict[str, Any]:
    driver: dict[str, Any] = {"name": checker}
    if checker == "shipmark":
        driver["version"] = __version__
        driver["rules"] = [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.summary},
                "help": {"text": rule.hint},
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            }
            for rule in RULES.values()
        ]
    return {"tool": {"driver": driver}, "results": [_result(one, paths) for one in findings]}


def _result(finding: Finding, paths: Mapping[str, str]) -> dict[str, Any]:
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    place = {
        "artifactLocation": {"uri": paths.get(finding.file, finding.file)},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
