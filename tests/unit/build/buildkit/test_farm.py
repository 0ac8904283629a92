"""The context as a folder of hard links: what is linked, what is copied, and that the repository stays as it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from release.build.buildkit.farm import Farm
from release.build.buildkit.working_folder import working_folder
from release.build.context import open_context, walk
from release.build.context.tree import Tree
from release.compression.entries import HostFile, Node
from release.errors import BuildError
from tests.support.releases.builds import build_of

CREATED = 1_700_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    for name, mode in (("plain", 0o644), ("tool", 0o755), ("group", 0o664), ("private", 0o600)):
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    (folder / "old").write_text("old")
    os.utime(folder / "old", (CREATED - 5, CREATED - 5))
    return folder


def lay_out(root: Path, folder: Path, *, created: int = CREATED, for_run: bool = False) -> Path:
    tree = walk(open_context(build_of(root).task))
    Farm(created=created, check=lambda: None, for_run=for_run).lay_out(tree, str(folder))
    return folder


def test_context_files_are_hard_linked_if_mode_and_time_fit(root: Path, tmp_path: Path) -> None:
    before = {path.name: (os.lstat(path).st_mode, os.lstat(path).st_mtime_ns) for path in root.iterdir()}
    made = lay_out(root, tmp_path / "farm")
    linked = {path.name for path in made.iterdir() if path.stat().st_ino == (root / path.name).stat().st_ino}
    assert linked == {"Dockerfile", "plain", "tool"}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()}
    assert modes == {
        "Dockerfile": 0o644,
        "plain": 0o644,
        "tool": 0o755,
        "group": 0o644,
        "private": 0o644,
        "old": 0o644,
    }
    assert all(path.stat().st_mtime >= CREATED for path in made.iterdir())
    after = {path.name: (os.lstat(path).st_mode, os.lstat(path).st_mtime_ns) for path in root.iterdir()}
    assert after == before


@pytest.mark.parametrize("drops", [True, False])
def test_extended_attributes_are_dropped_where_the_builder_would_keep_them(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drops: bool
) -> None:
    """Not every file system has them, so here the file only seems to have one."""
    monkeypatch.setattr(
        os, "listxattr", lambda path, **_: ["user.note"] if str(path).endswith("plain") else []
    )
    tree = walk(open_context(build_of(root).task))
    farm = Farm(created=CREATED, check=lambda: None, for_run=True, drops_attributes=drops)
    farm.lay_out(tree, str(tmp_path / "farm"))
    linked = {name for name in ("plain", "tool") if (tmp_path / "farm" / name).samefile(root / name)}
    assert linked == ({"tool"} if drops else {"plain", "tool"})


def test_copied_file_keeps_its_time_from_commit_to_commit_until_its_content_changes(
    root: Path, tmp_path: Path
) -> None:
    times = []
    for number, text in enumerate(("old", "old", "new")):
        created = CREATED + number * 86_400
        (root / "old").write_text(text)
        os.utime(root / "old", (CREATED - 5, CREATED - 5))
        made = lay_out(root, tmp_path / f"farm-{number}", created=created)
        times.append((made / "old").stat().st_mtime_ns)
    assert times[0] == times[1] != times[2]
    assert all(created < time // 10**9 < 2**31 for time in times)  # 32-bit programs can read them


@pytest.mark.parametrize("created", [0, (1 << 28) - 1, 1 << 28, 1_879_048_191, 1_879_048_192])
def test_copied_file_is_newer_than_the_commit(root: Path, tmp_path: Path, created: int) -> None:
    os.utime(root / "old", (created - 5, created - 5))
    made = lay_out(root, tmp_path / "farm", created=created)
    assert (made / "old").stat().st_ino != (root / "old").stat().st_ino
    assert (made / "old").stat().st_mtime > created


def test_copies_that_run_sees_have_one_time_in_the_second_after_the_commit(
    root: Path, tmp_path: Path
) -> None:
    times = []
    for number, text in enumerate(("old", "old", "new")):
        (root / "old").write_text(text)
        os.utime(root / "old", (CREATED - 5, CREATED - 5))
        made = lay_out(root, tmp_path / f"farm-{number}", for_run=True)
        times.append({(made / name).stat().st_mtime_ns for name in ("old", "group", "private")})
    # No source is newer than another, which `make` would take for changed; another content gives another time.
    assert [len(each) for each in times] == [1, 1, 1]
    assert times[0] == times[1] != times[2]
    assert {time // 10**9 for each in times for time in each} == {CREATED}


def test_hard_links_of_one_file_become_two_files_in_the_context(root: Path, tmp_path: Path) -> None:
    os.link(root / "plain", root / "second")
    made = lay_out(root, tmp_path / "farm")
    assert (made / "plain").stat().st_ino != (made / "second").stat().st_ino


def test_a_file_that_was_swapped_for_a_symlink_is_refused(root: Path, tmp_path: Path) -> None:
    found = (root / "plain").stat()
    content = HostFile(path=str(root / "plain"), size=5, root=str(root), inode=(found.st_dev, found.st_ino))
    (root / "plain").unlink()
    (root / "plain").symlink_to("/etc/passwd")
    tree = Tree({"plain": Node(kind="file", mode=0o644, content=content)})
    with pytest.raises(BuildError):
        Farm(created=0, check=lambda: None, for_run=False).lay_out(tree, str(tmp_path / "farm"))
    assert (tmp_path / "farm/plain").read_bytes() == b""


def test_working_folder_in_use_is_not_touched_by_other_builds(tmp_path: Path) -> None:
    parent = tmp_path / "work"
    with working_folder(str(parent), "a") as first:
        Path(first, "file").touch()
        with working_folder(str(parent), "a") as second:
            assert second != first
            assert Path(first, "file").exists()
        with working_folder(str(parent), "b"):
            assert Path(first, "file").exists()
    assert not parent.exists()
