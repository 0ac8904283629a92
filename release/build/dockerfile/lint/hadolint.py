"""Reads what hadolint prints. Pure. Source: hadolint 2.15, `--format json`."""

from __future__ import annotations

import msgspec

from release.build.dockerfile.lint.findings import Finding, Severity
from release.decoding import decode
from release.lazy_pattern import pattern

#: Ids of hadolint's rules and of ShellCheck's, which hadolint applies to `RUN`.
RULE_ID = pattern(r"(DL|SC)[0-9]{4}")
# The id for a failure of hadolint's parser. That parser lags behind BuildKit's, so its failures are not findings.
_UNREADABLE = "DL1000"
# Rules of hadolint that shipmark's own rules cover: root, no tag, `latest`, shell form, secret names, user names.
_OURS = frozenset({"DL3002", "DL3006", "DL3007", "DL3025", "DL3064", "DL3066"})
_SEVERITIES: dict[str, Severity] = {"error": "error", "warning": "warning", "info": "info", "style": "info"}


class _Row(msgspec.Struct, frozen=True):
    code: str
    line: int
    column: int
    level: str
    message: str


def read_hadolint(raw: bytes, file: str) -> tuple[Finding, ...] | str:
    """The findings in hadolint's output that no rule of shipmark covers; for unreadable output, a text with the reason.

    `file`: the file's name in findings; hadolint read it from stdin and does not know it.
    """
    try:
        rows = decode(raw, list[_Row])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "its output is not JSON"
    for row in rows:
        if row.code == _UNREADABLE:
            return f"it cannot read line {row.line}: {row.message}"
    return tuple(
        Finding(
            file=file,
            line=max(1, row.line),
            column=max(1, row.column),
            severity=_SEVERITIES.get(row.level, "info"),
            rule=row.code,
            message=row.message,
            checker="hadolint",
        )
        for row in rows
        if row.code not in _OURS
    )
