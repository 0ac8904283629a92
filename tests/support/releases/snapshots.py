"""Snapshots of a repository, each taken with at most six git processes."""

from __future__ import annotations

from pathlib import Path

from release.git.model import Snapshot
from release.git.snapshot import snapshot
from release.versions.git_tags import versions_in
from tests.support.programs.counting import Counting
from tests.support.releases.git import GitRepo


def read(repo: GitRepo, path: Path | None = None, **options: object) -> Snapshot:
    """Take a snapshot, and assert that it started at most six processes."""
    counting = Counting()
    env = {**repo.env, **options.pop("env", {})}  # type: ignore[dict-item]  # a mapping, always
    taken = snapshot(counting, str(path or repo.path), env=env, **options)  # type: ignore[arg-type]  # options of snapshot
    assert len(counting.started) <= 6, counting.started
    return taken


def base(taken: Snapshot) -> tuple[str, int] | None:
    return None if taken.describe is None else (taken.describe.git_tag, taken.describe.distance)


def at_head(taken: Snapshot) -> list[str]:
    return [tag.git_tag for tag in versions_in(taken.tag_listing).at(taken.head)]
