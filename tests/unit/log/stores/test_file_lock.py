"""Which files are taken as the lock of a version log."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import LogCorrupt
from release.log.stores.file_lock import FileLock
from release.log.stores.syscalls import OsFiles


def lock(path: Path) -> FileLock:
    return FileLock(str(path), files=OsFiles(), cancel=Cancel(), monotonic=time.monotonic, timeout=1)


def test_a_lock_file_with_any_beginning_of_a_holders_text_is_taken_over(tmp_path: Path) -> None:
    """The holder's write may have been cut short: by a full disk, a signal or a power cut."""
    path = tmp_path / "log.jsonl.lock"
    whole = b"process 30783 on build-7.example\n"
    for length in range(len(whole) + 1):
        for content in (whole[:length], whole[:length] + b"\0" * 3, b"\0" * length):
            path.write_bytes(content)
            with lock(path).held():
                text = path.read_bytes()
            assert text.startswith(b"process ")
            assert text.endswith(b"\n")
            assert b"\0" not in text


@pytest.mark.parametrize(
    "content",
    [
        b"# yarn lockfile v1\n",
        b"process",
        b"process of law\n",
        b"process 1 on a\nmore",
        b"process 1 or",
        b"12",
    ],
)
def test_a_file_of_another_program_at_the_lock_path_is_refused_and_left_unchanged(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "yarn.lock"
    path.write_bytes(content + b"!")
    with pytest.raises(LogCorrupt, match="holds something else"), lock(path).held():
        pass
    assert path.read_bytes() == content + b"!"
