"""When an open file is used again, and when it is opened anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from release.log.stores.kept_file import KeptFile
from release.log.stores.syscalls import OsFiles


class Counting(OsFiles):
    """System calls that count how many files were opened, and are open."""

    def __init__(self) -> None:
        self.opened = self.open_now = 0

    def open(
        self, path: str, *, create: bool, append: bool = False, exclusive: bool = False, mode: int = 0o666
    ) -> int:
        fd = super().open(path, create=create, append=append, exclusive=exclusive, mode=mode)
        self.opened, self.open_now = self.opened + 1, self.open_now + 1
        return fd

    def close(self, fd: int) -> None:
        super().close(fd)
        self.open_now -= 1


def use(file: KeptFile) -> int:
    """Take a descriptor, give it back, and return the inode of its file."""
    fd, facts = file.take()
    assert facts == OsFiles().facts(fd)
    file.give_back(fd, facts)
    return facts.inode


def test_file_is_opened_once_for_several_uses_and_closed_with_its_owner(tmp_path: Path) -> None:
    files = Counting()
    file = KeptFile(str(tmp_path / "file"), files)
    assert len({use(file) for _ in range(3)}) == 1
    assert (files.opened, files.open_now) == (1, 1)
    del file
    assert files.open_now == 0


def test_file_that_may_not_be_kept_is_opened_for_each_use(tmp_path: Path) -> None:
    files = Counting()
    file = KeptFile(str(tmp_path / "file"), files, may_keep=False)
    use(file)
    use(file)
    assert (files.opened, files.open_now) == (2, 0)


def _removed(path: Path) -> None:
    path.rename(path.with_name("old"))


def _replaced(path: Path) -> None:
    path.with_name("new").touch()
    path.with_name("new").rename(path)


@pytest.mark.parametrize("change", [_removed, _replaced])
def test_file_that_was_replaced_or_removed_is_opened_anew(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path, files = tmp_path / "file", Counting()
    file = KeptFile(str(path), files)
    use(file)
    change(path)
    assert use(file) == path.stat().st_ino
    assert (files.opened, files.open_now) == (2, 1)


def test_process_made_by_fork_opens_the_file_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parent and child share one open file, so that a lock of the one would not keep the other out."""
    files = Counting()
    file = KeptFile(str(tmp_path / "file"), files)
    use(file)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    use(file)
    assert files.opened == 2


def test_two_users_at_once_have_a_descriptor_each(tmp_path: Path) -> None:
    files = Counting()
    file = KeptFile(str(tmp_path / "file"), files)
    one, other = file.take(), file.take()
    assert one[0] != other[0]
    file.give_back(*one)
    file.give_back(*other)
    assert (files.opened, files.open_now) == (2, 1)
