"""Reads the build checks that buildx prints. Pure. Source: BuildKit, `frontend/subrequests/lint/lint.go`."""

from __future__ import annotations

import msgspec

from release.build.dockerfile.lint.findings import Finding
from release.decoding import decode
from release.lazy_pattern import pattern

#: Ids of BuildKit's checks, such as `FromAsCasing`.
CHECK_ID = pattern(r"[A-Z][A-Za-z]{3,60}")
# Checks of BuildKit that shipmark's own rules cover.
_OURS = frozenset({"SecretsUsedInArgOrEnv", "JSONArgsRecommended"})


class _Position(msgspec.Struct, frozen=True):
    line: int = 1
    character: int = 0


class _Range(msgspec.Struct, frozen=True):
    start: _Position = _Position()


class _Location(msgspec.Struct, frozen=True):
    ranges: list[_Range] = []


class _Warning(msgspec.Struct, frozen=True, rename="camel"):
    rule_name: str
    description: str = ""
    detail: str = ""
    url: str = ""
    location: _Location = _Location()


class _Failure(msgspec.Struct, frozen=True):
    message: str = ""


class _Results(msgspec.Struct, frozen=True, rename="camel"):
    warnings: list[_Warning] | None = None
    build_error: _Failure | None = None


def read_checks(raw: bytes, file: str) -> tuple[Finding, ...] | str:
    """The findings in the output of `--call=check,format=json`; for unreadable output, a text with the reason.

    `file`: the file's name in findings; buildx read it from stdin and does not know it.
    """
    try:
        results = decode(raw, _Results)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "its output is not JSON"
    if results.build_error is not None:
        return f"BuildKit cannot read the file: {results.build_error.message}"
    return tuple(
        _finding(warning, file) for warning in results.warnings or () if warning.rule_name not in _OURS
    )


def _finding(warning: _Warning, file: str) -> Finding:
    start = warning.location.ranges[0].start if warning.location.ranges else _Position()
    return Finding(
        file=file,
        line=max(1, start.line),
        column=max(0, start.character) + 1,
        severity="warning",
        rule=warning.rule_name,
        message=warning.detail or warning.description,
        hint=f"see {warning.url}" if warning.url else None,
        checker="buildx",
    )
