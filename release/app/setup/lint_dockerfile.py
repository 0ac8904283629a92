"""Checks Dockerfiles by our own rules, hadolint and buildx, and states which checkers did not run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

import msgspec

from release.app.session import Session
from release.app.setup import buildx_check, hadolint
from release.build.dockerfile.lint.buildx import CHECK_ID
from release.build.dockerfile.lint.findings import Finding, Severity, reaches
from release.build.dockerfile.lint.hadolint import RULE_ID
from release.build.dockerfile.lint.lint import lint
from release.build.dockerfile.lint.rules import RULES
from release.errors import ConfigError
from release.filesystem.files import read_file
from release.filesystem.workspace_paths import is_within
from release.limits import DOCKERFILE_BYTES

_IGNORE = ".dockerignore"


class LintRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The Dockerfiles to check. `files`: relative to the workspace's folder. `ignored`: ids of rules that do not count.

    `fail_on`: the least severity with which a finding makes the check fail.
    """

    files: tuple[str, ...] = ("Dockerfile",)
    fail_on: Severity = "error"
    ignored: tuple[str, ...] = ()


class Checker(msgspec.Struct, frozen=True, kw_only=True):
    """A checker of Dockerfiles. `reason`: why it did not run, or did not check some files; None if it checked all."""

    name: str
    reason: str | None = None


class LintReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.lint/1`. `failed`: whether a finding is as severe as the request's `fail_on`, or more."""

    schema: Literal["shipmark.lint/1"] = "shipmark.lint/1"
    files: tuple[str, ...]
    failed: bool
    findings: tuple[Finding, ...]
    checkers: tuple[Checker, ...]


def lint_dockerfiles(session: Session, request: LintRequest) -> LintReport:
    """Check the files. Raises `ConfigError` for a file that cannot be read, and for an unknown rule in `ignored`.

    A checker that is missing or fails does not raise: the report has the reason.
    """
    _require_rules(request.ignored)
    texts = {file: _read(session, file) for file in request.files}
    findings: list[Finding] = []
    checkers = [Checker(name="shipmark")]
    for checker, found in (_hadolint(session, texts), _buildx(session, texts)):
        checkers.append(checker)
        findings += found
    for file, text in texts.items():
        findings += lint(text, file, has_ignore=_has_ignore(session, file))
    order = {file: number for number, file in enumerate(texts)}
    findings.sort(key=lambda one: (order[one.file], one.line, one.column, one.rule))
    kept = tuple(one for one in findings if one.rule not in request.ignored)
    return LintReport(
        files=request.files,
        failed=any(reaches(one.severity, request.fail_on) for one in kept),
        findings=kept,
        checkers=tuple(checkers),
    )


def _hadolint(session: Session, texts: Mapping[str, str]) -> tuple[Checker, list[Finding]]:
    program = hadolint.find_hadolint(session.settings.env.get("PATH", ""))
    if program is None:
        return Checker(name=hadolint.NAME, reason=hadolint.NOT_INSTALLED), []
    answers = {file: hadolint.run_hadolint(session, program, file, text) for file, text in texts.items()}
    return _merged(hadolint.NAME, answers)


def _buildx(session: Session, texts: Mapping[str, str]) -> tuple[Checker, list[Finding]]:
    program, reason = buildx_check.find_buildx(session)
    if program is None:
        return Checker(name=buildx_check.NAME, reason=reason), []
    answers = {file: buildx_check.run_buildx(session, program, file, text) for file, text in texts.items()}
    return _merged(buildx_check.NAME, answers)


def _merged(name: str, answers: Mapping[str, tuple[Finding, ...] | str]) -> tuple[Checker, list[Finding]]:
    """The findings of all files, and the reasons of the files that were not checked."""
    reasons = [f"{file}: {answer}" for file, answer in answers.items() if isinstance(answer, str)]
    found = [one for answer in answers.values() if not isinstance(answer, str) for one in answer]
    return Checker(name=name, reason="; ".join(reasons) or None), found


def _require_rules(ids: tuple[str, ...]) -> None:
    for id_ in ids:
        if id_ not in RULES and not RULE_ID.fullmatch(id_) and not CHECK_ID.fullmatch(id_):
            raise ConfigError(
                f"there is no rule `{id_}`",
                hint=f"the rules are {', '.join(RULES)}, and those of hadolint and BuildKit",
            )


def _read(session: Session, file: str) -> str:
    path = os.path.abspath(os.path.join(session.directory, file))
    # A symlink of the repository must not lead out of it; a path outside is the user's own.
    within = session.root if is_within(path, os.path.abspath(session.root)) else None
    try:
        raw = read_file(path, limit=DOCKERFILE_BYTES, within=within)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise ConfigError(f"`{file}` cannot be read: {cause}", hint="check its rights") from error
    if raw is None:
        raise ConfigError(
            f"`{file}` does not exist",
            hint="name the file: `shipmark dockerfile lint FILE`; or write one: `shipmark dockerfile new`",
        )
    try:
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _has_ignore(session: Session, file: str) -> bool:
    """Whether there is an ignore file: of this Dockerfile, in the working folder, or at the repository's root."""
    own = os.path.join(session.directory, f"{file}{_IGNORE}")
    places = (own, os.path.join(session.directory, _IGNORE), os.path.join(session.root, _IGNORE))
    return any(os.path.isfile(place) for place in places)
