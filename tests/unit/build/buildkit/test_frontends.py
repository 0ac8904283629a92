"""Which Dockerfile frontend reads the file, and what it lacks."""

from __future__ import annotations

import pytest

from release.build.buildkit.frontends import Frontend, frontend_of


@pytest.mark.parametrize(
    ("syntax", "daemon", "minor", "shown"),
    [
        (None, "0.8+unknown", 2, "BuildKit 0.8"),
        (None, "0.14.1", 8, "BuildKit 0.14"),
        (None, "0.0.0+unknown", None, "BuildKit"),
        (None, "1.0.0", None, "BuildKit"),
        (None, None, None, "BuildKit"),
        ("docker/dockerfile:1.4", "0.34.2", 4, "`# syntax=docker/dockerfile:1.4`"),
        ("docker.io/docker/dockerfile:1.7.1@sha256:00", None, 7, None),
        ("docker/dockerfile-upstream:1.12.0", None, 12, None),
        ("docker/dockerfile:1", "0.8", None, None),
        ("docker/dockerfile", "0.8", None, None),
        ("docker/dockerfile:1.7-labs", "0.8", None, None),
        ("acme/frontend:1.4", "0.8", None, None),
    ],
)
def test_frontend_is_that_of_the_syntax_line_else_that_of_the_daemon(
    syntax: str | None, daemon: str | None, minor: int | None, shown: str | None
) -> None:
    found = frontend_of(syntax, daemon)
    assert found.minor == minor
    assert shown in (None, found.shown)


@pytest.mark.parametrize(
    ("minor", "lacks", "has"),
    [
        (2, {"heredoc", "copy-link", "copy-parents"}, {"mount-cache", "copy-chmod"}),
        (4, {"add-checksum", "copy-exclude"}, {"heredoc", "copy-link"}),
        (19, {"copy-parents"}, {"copy-exclude", "add-unpack"}),
        (None, set(), {"copy-parents", "heredoc"}),
    ],
)
def test_old_frontends_lack_the_features_of_newer_ones(
    minor: int | None, lacks: set[str], has: set[str]
) -> None:
    found = Frontend(minor=minor).lacking
    assert lacks <= found
    assert not has & found


@pytest.mark.parametrize(
    ("minor", "contexts", "bases"),
    [(3, False, False), (4, True, False), (7, True, False), (8, True, True), (None, True, True)],
)
def test_old_frontends_have_no_named_contexts_and_do_not_warn_of_bases(
    minor: int | None, contexts: bool, bases: bool
) -> None:
    found = Frontend(minor=minor)
    assert (found.has_contexts, found.warns_of_bases) == (contexts, bases)
