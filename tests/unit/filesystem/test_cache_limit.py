"""Parsing SHIPMARK_CACHE_SIZE, and the order in which a cache folder is emptied."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from release.errors import ConfigError
from release.filesystem.cache_folder import repository_key
from release.filesystem.cache_lease import lease
from release.filesystem.cache_limit import DEFAULT_LIMIT, clean, limit_of, sizes, trim


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, DEFAULT_LIMIT),
        ("", DEFAULT_LIMIT),
        ("0", 0),
        ("1024", 1024),
        ("1K", 1024),
        ("500MiB", 500 << 20),
        ("500 mb", 500 << 20),
        ("10GiB", 10 << 30),
        (" 2t ", 2 << 40),
    ],
)
def test_a_cache_size_is_parsed_to_bytes(text: str | None, size: int) -> None:
    assert limit_of(text) == size


@pytest.mark.parametrize("text", ["a lot", "-1", "1.5G", "10X", "1e9", "9" * 16, "GiB", "1 G i B", "١"])
def test_an_invalid_cache_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="SHIPMARK_CACHE_SIZE"):
        limit_of(text)


def repository(root: Path, name: str, blobs: dict[str, tuple[int, float]]) -> Path:
    """Create a repository's cache folder whose blobs have these sizes and ages in days."""
    key = repository_key(name)
    os.close(lease(str(root), key))
    folder = root / key / "images/blobs/sha256"
    folder.mkdir(parents=True)
    for blob, (size, age) in blobs.items():
        (folder / blob).write_bytes(b"x" * size)
        os.utime(folder / blob, (time.time() - age * 86_400,) * 2)
    index = {"manifests": [{"digest": f"sha256:{blob}"} for blob in blobs], "schemaVersion": 2}
    (root / key / "images/index.json").write_text(json.dumps(index))
    return root / key


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("images/blobs/sha256/*"))


def listed(folder: Path) -> list[str]:
    index = json.loads((folder / "images/index.json").read_text())
    return [one["digest"].removeprefix("sha256:") for one in index["manifests"]]


def test_the_least_recently_used_cached_blobs_of_all_repositories_are_deleted_first(tmp_path: Path) -> None:
    one = repository(tmp_path, "one", {"a": (100, 5), "b": (100, 1)})
    two = repository(tmp_path, "two", {"c": (100, 4), "d": (100, 2)})
    assert trim(str(tmp_path), 400) == 0
    assert trim(str(tmp_path), 250) == 200
    assert (left(one), left(two)) == (["b"], ["d"])
    assert (listed(one), listed(two)) == (["b"], ["d"])


def test_the_cache_of_a_repository_in_use_counts_towards_the_limit_and_keeps_its_blobs(
    tmp_path: Path,
) -> None:
    one = repository(tmp_path, "one", {"a": (100, 5)})
    two = repository(tmp_path, "two", {"c": (100, 1)})
    held = lease(str(tmp_path), one.name)
    try:
        assert trim(str(tmp_path), 150) == 100
    finally:
        os.close(held)
    assert (left(one), left(two)) == (["a"], [])


def test_a_cached_blob_with_a_recent_access_time_counts_as_used(tmp_path: Path) -> None:
    one = repository(tmp_path, "one", {"a": (100, 5), "b": (100, 4)})
    blob = one / "images/blobs/sha256/a"
    os.utime(blob, (time.time(), blob.stat().st_mtime))
    trim(str(tmp_path), 100)
    assert left(one) == ["a"]


def test_trimming_and_cleaning_the_cache_follow_no_symlink(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x" * 1000)
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    one = repository(root, "one", {"a": (100, 5)})
    (one / "images/blobs/sha512").symlink_to(victim)
    (one / "images/blobs/sha256/link").symlink_to(victim / "precious")
    (one / "log-x.git").symlink_to(victim)
    (root / repository_key("two")).symlink_to(one)
    (root / ".deleted-0123456789abcdef").symlink_to(victim)
    assert trim(str(root), 0) == 100
    clean(str(root))
    assert (victim / "precious").exists()
    assert not one.exists()


def test_the_cache_folder_of_a_repository_unused_for_months_is_deleted(tmp_path: Path) -> None:
    one = repository(tmp_path, "one", {"a": (100, 200)})
    two = repository(tmp_path, "two", {"b": (100, 200)})
    os.utime(one / "lease", (time.time() - 91 * 86_400,) * 2)
    trim(str(tmp_path), 1000)
    assert not one.exists()
    assert left(two) == ["b"]


def test_an_interrupted_deletion_of_a_cache_folder_is_finished_by_the_next_clean(tmp_path: Path) -> None:
    half = tmp_path / ".deleted-0123456789abcdef"
    (half / "images").mkdir(parents=True)
    (half / "images/x").write_text("x")
    (tmp_path / ".deleted-not-ours").mkdir()
    clean(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [".deleted-not-ours"]


def test_folders_without_a_lease_file_are_not_deleted_from_the_cache_folder(tmp_path: Path) -> None:
    """SHIPMARK_CACHE_DIR may name a folder that holds other things with such names."""
    other = tmp_path / ("a" * 64)
    (other / "images/blobs/sha256").mkdir(parents=True)
    (other / "images/blobs/sha256/x").write_text("x" * 100)
    (tmp_path / "notes").write_text("x")
    assert sizes(str(tmp_path)) == {}
    assert trim(str(tmp_path), 0) == 0
    assert clean(str(tmp_path)).repositories == 0
    assert (other / "images/blobs/sha256/x").exists()
