"""What is said about something that stands where a file or a folder is needed."""

from __future__ import annotations

import stat

import pytest

from release.errors import Obstructed
from release.filesystem.refusals import refusal

RULE = "takes only regular files"


@pytest.mark.parametrize(
    ("mode", "words", "accident"),
    [
        (stat.S_IFDIR, "is a folder", True),
        (stat.S_IFREG, "is a file", True),
        (stat.S_IFLNK, "is a symlink", False),
        (stat.S_IFIFO, "is not a regular file", False),
        (stat.S_IFCHR, "is not a regular file", False),
        (stat.S_IFSOCK, "is not a regular file", False),
    ],
)
def test_hint_about_an_obstacle_never_deletes_it(mode: int, words: str, accident: bool) -> None:
    error = refusal("/src/out", mode | 0o644, RULE)
    assert error.message == f"`/src/out` {words}, and shipmark {RULE}"
    assert isinstance(error, Obstructed) is accident
    assert error.exit_code == 6
    # The path may be the working folder (`--result-file .`) or a device such as /dev/null.
    assert error.hint is not None
    assert "name " in error.hint
    assert "remove" not in error.hint
