"""Which names `run --rebuild` takes for the release that is checked out."""

from __future__ import annotations

import pytest

from release.app.releases.gathering.rebuild import require_checked_out
from release.errors import GitError
from release.tagging.model import Decision

RELEASE = Decision(component="app", commit="a" * 40, channel="release", version="1.1.0", git_tag="v1.1.0")


@pytest.mark.parametrize("name", [None, "", "1.1.0", "v1.1.0"])
def test_rebuild_takes_the_version_and_the_git_tag_of_the_commit(name: str | None) -> None:
    require_checked_out(RELEASE, name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("1.0.0", "`git checkout 1.0.0` first"),
        ("1.1.0_r1", "`--rebuild 1.1.0`"),
        ("1.0.0_r1", "`git checkout"),
    ],
)
def test_rebuild_of_another_release_says_what_to_check_out_or_to_name(name: str, hint: str) -> None:
    with pytest.raises(GitError) as caught:
        require_checked_out(RELEASE, name)
    assert hint in (caught.value.hint or "")
