"""Finds instructions of a Dockerfile that need `.git`, which is part of a context only with `keep_git: true`. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from release.build.context.reach import Reach
from release.build.context.selection import GIT_FOLDER
from release.build.dockerfile.instructions import Run
from release.errors import BuildError
from release.events import Note
from release.lazy_pattern import pattern

# Repetitions have a limit: without one, a Dockerfile full of `git -c git -c git` takes quadratic time.
_GIT_WITH_OPTIONS = r"(?<![\w./-])git(?:\s+-[cC]\s+\S+|\s+--\S+){0,8}\s+"
# Git commands that read the current repository. After `clone` or `init`, they read the repository made by that.
_GIT = pattern(
    _GIT_WITH_OPTIONS
    + r"(?:describe|rev-parse|rev-list|log|show|show-ref|status|diff|ls-files|tag|branch|name-rev|symbolic-ref|"
    r"shortlog|for-each-ref|submodule|archive|lfs)\b"
)
_OWN_REPOSITORY = pattern(_GIT_WITH_OPTIONS + r"(?:clone|init|fetch)\b")
_GO = pattern(r"(?<![\w./-])go\s+(?:build|install)\b")
_GO_UNSTAMPED = "-buildvcs=false"
_PYTHON_BUILD = pattern(
    r"(?<![\w./-])(?:pip3?\s+(?:install|wheel)\s[^&|;]{0,200}(?<=\s)\.(?:/?(?=[\s\[;&|'\"]|$))"
    r"|python3?\s+-m\s+build\b|python3?\s+setup\.py\b|hatch\s+(?:build|version)\b|poetry\s+(?:build|install)\b"
    r"|uv\s+(?:build|sync)\b)"
)
#: Tools that read a package's version from git tags, as they are named in commands or in `pyproject.toml`.
_SCM_TOOLS = pattern(
    r"setuptools[_-]scm|hatch-vcs|poetry-dynamic-versioning|versioningit|versioneer|dunamai|vcs-versioning|"
    r"goreleaser|gitversion|semantic-release|git-cliff|nbgv|minver-cli|cargo-release",
    re.IGNORECASE,
)
_PRETENDED = pattern(r"SETUPTOOLS_SCM_PRETEND_VERSION|POETRY_DYNAMIC_VERSIONING_BYPASS|PRETEND_VERSION")

_KEEP = "set `build: {keep_git: true}`"


def require_no_git(reach: Reach) -> None:
    """Raise `BuildError` if a COPY, ADD or bind mount names `.git`."""
    for source in reach.sources:
        if GIT_FOLDER in source.pattern:
            raise BuildError(
                f"{source.where}: `{source.keyword}` of `{source.text}`, and `.git` is not part of the context",
                hint=f"{_KEEP}; or pass the version: `build: {{args: {{VERSION: '{{{{version}}}}'}}}}`",
            )


def git_warnings(reach: Reach, name: str, pyproject: str) -> tuple[Note, ...]:
    """A warning for each tool in RUN that looks for `.git` where the whole work tree was copied.

    A stage that does not copy the context's top folder would have no `.git` anyway, so it gives no warning. `name`: the
    Dockerfile's name. `pyproject`: the text of `pyproject.toml` in the context, "" without one.
    """
    found: dict[str, Note] = {}
    for stage in reach.stages:
        if not any(source.reaches(GIT_FOLDER) for source in reach.in_stage(stage.index)):
            continue
        for instruction in stage.instructions:
            if isinstance(instruction, Run):
                text = " ".join([instruction.text, *(heredoc.body for heredoc in instruction.heredocs)])
                for tool, misses in _missed(text, pyproject):
                    found.setdefault(tool, _warning(f"{name}:{instruction.line}", tool, misses))
    return tuple(found.values())


def _missed(text: str, pyproject: str) -> Sequence[tuple[str, str]]:
    """Tools in a RUN that look for `.git`, and what each of them misses."""
    missed = []
    git = _GIT.search(text)
    if git is not None and not _OWN_REPOSITORY.search(text):
        missed.append((" ".join(git[0].split()), "it fails, or says nothing"))
    if _GO.search(text) and _GO_UNSTAMPED not in text:
        missed.append(("go build", "the binary has no VCS revision (`go version -m`)"))
    tool = _SCM_TOOLS.search(text) or (_SCM_TOOLS.search(pyproject) if _PYTHON_BUILD.search(text) else None)
    if tool is not None and not _PRETENDED.search(text):
        missed.append((tool[0], "it finds no tag to take the version from"))
    return missed


def _warning(where: str, tool: str, misses: str) -> Note:
    return Note(
        level="warning",
        text=f"{where}: `{tool}` looks for `.git`, which is not part of the context: {misses}",
        hint=f"{_KEEP}, or pass the version as a build argument",
    )
