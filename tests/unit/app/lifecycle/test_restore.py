"""Tests the warning about a rebuild that is restored while its version is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from release.app.lifecycle.landings import Ground
from release.app.lifecycle.restore import still_taken_back
from release.tagging.model import KnownReleases
from release.versions.semver import parse


@pytest.mark.parametrize(
    ("rebuild", "yanked", "warned"),
    [
        (1, ("1.4.2", "1.4.2_r1"), True),
        (1, ("1.4.2",), True),
        (1, ("1.4.2_r1", "1.4.2_r2"), False),
        (0, ("1.4.2",), False),
    ],
)
def test_restored_rebuild_of_a_version_that_is_taken_back_is_warned_of(
    rebuild: int, yanked: tuple[str, ...], warned: bool
) -> None:
    unused: Any = None
    version = parse("1.4.2")
    ground = Ground(
        session=unused,
        component=unused,
        project="app",
        version=version,
        known=KnownReleases(yanked=yanked),
        rebuild=rebuild,
    )
    note = still_taken_back(ground)
    assert (note is not None) == warned
    if note is not None:
        assert "1.4.2 itself was taken back, so 1.4.2_r1" in note.text
        assert "`shipmark restore 1.4.2 --reason" in str(note.hint)
