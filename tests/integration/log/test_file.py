"""The file store on real files: killed writers, full and failing disks, locks, and edits by hand."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import LogCorrupt, LogError, Terminated
from release.log import Head
from release.log.stores.file.store import FileStore
from release.log.stores.syscalls import OsFiles, network_type
from release.log.writer import Writer
from tests.support.logs.facts import TickingClock, independently_verified, planned, whole_release
from tests.support.logs.worker import Herd

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work" / ".shipmark" / "log.jsonl"


def store(path: Path, **options: Any) -> FileStore:
    return FileStore(str(path), **{"cancel": Cancel(), "monotonic": time.monotonic, **options})


def writer(path: Path, **options: Any) -> Writer:
    return Writer(store(path, **options), clock=TickingClock(), cancel=Cancel(), jitter=lambda: 0.0)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_each_log_entry_is_one_line_of_the_file(path: Path) -> None:
    writer(path).append(whole_release("r", "1.4.2"))
    assert path.read_bytes().endswith(b"\n")
    assert [entry["kind"] for entry in independently_verified(lines(path))] == [
        "planned",
        "built",
        "pushed",
        "released",
        "moved",
    ]


def test_writer_appends_after_an_entry_of_an_unknown_kind(path: Path) -> None:
    writer(path).append([{"kind": "eclipsed", "project": "p", "of": {"x": [True, 7]}}])
    log = writer(path)
    log.append([planned()])
    assert [entry.kind for entry in log.entries()] == ["eclipsed", "planned"]
    assert log.entries()[0].fields["of"] == {"x": [True, 7]}


def test_reading_a_missing_log_creates_no_folder(path: Path) -> None:
    log = store(path)
    assert list(log.read()) == []
    assert log.head() == Head()
    log.check_writable()
    log.append([], Head())
    assert not path.parent.parent.exists()


def test_shipmark_folder_gets_a_gitignore_that_is_not_overwritten(path: Path) -> None:
    writer(path).append([planned()])
    assert (path.parent / ".gitignore").read_text() == "*\n"
    (path.parent / ".gitignore").write_text("*\n!log.jsonl\n")
    writer(path).append([planned(attempt="b")])
    assert (path.parent / ".gitignore").read_text() == "*\n!log.jsonl\n"


def test_log_folder_other_than_dot_shipmark_gets_no_gitignore(tmp_path: Path) -> None:
    writer(tmp_path / "logs" / "log.jsonl").append([planned()])
    assert sorted(os.listdir(tmp_path / "logs")) == ["log.jsonl", "log.jsonl.lock"]


def test_head_of_a_log_file_is_found_with_and_without_a_torn_tail(path: Path) -> None:
    log = writer(path)
    log.append(whole_release("r", "1.4.2"))
    fresh = store(path)
    assert fresh.head() == log.head
    with path.open("ab") as file:
        file.write(b'{"torn')
    assert store(path).head() == log.head


def test_read_returns_the_entries_after_any_position(path: Path) -> None:
    writer(path).append(whole_release("r", "1.4.2"))
    log = store(path)
    for after in (2, -1, 4, 3, 0):
        assert [entry.seq for entry in log.read(after)] == list(range(after + 1, 5))


@pytest.mark.parametrize(
    "tail", [b"{", b"\0" * 700, b"\0" * 99 + b"\n" + b"\0" * 50, b'{"seq":1}\n', b"\xff\xfe\n"], ids=repr
)
def test_torn_tail_is_skipped_by_readers_and_copied_by_the_next_writer(path: Path, tail: bytes) -> None:
    writer(path).append([planned()])
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert [entry.seq for entry in store(path).read()] == [0]
    assert path.read_bytes() == whole + tail
    writer(path).append([planned(attempt="b")])
    assert path.read_bytes().startswith(whole)
    assert len(independently_verified(lines(path))) == 2
    assert (path.parent / f"log.jsonl.torn-{len(whole)}-0").read_bytes() == tail


def test_copy_of_a_torn_tail_does_not_replace_an_older_copy(path: Path) -> None:
    writer(path).append([planned()])
    whole = path.read_bytes()
    for number, tail in enumerate((b"one", b"two")):
        path.write_bytes(whole + tail)
        writer(path).append([planned(attempt=str(number))])
        path.write_bytes(whole)
    kept = [(path.parent / f"log.jsonl.torn-{len(whole)}-{number}").read_bytes() for number in (0, 1)]
    assert kept == [b"one", b"two"]


def test_edited_log_is_refused_and_left_unchanged(path: Path) -> None:
    writer(path).append([planned(), planned(attempt="b"), planned(attempt="c")])
    edited = path.read_bytes().replace(b'"attempt":"b"', b'"attempt":"x"')
    path.write_bytes(edited)
    with pytest.raises(LogCorrupt, match=r"^entry 1 was changed after it was written"):
        list(store(path).read())
    with pytest.raises(LogCorrupt, match=r"^entry 1"):
        writer(path).append([planned(attempt="d")])
    assert path.read_bytes() == edited


def test_log_that_shrinks_or_disappears_during_use_is_refused(path: Path) -> None:
    log = writer(path)
    log.append([planned()])
    log.append([planned(attempt="b")])
    path.write_bytes(lines(path)[0] + b"\n")
    with pytest.raises(LogCorrupt, match="became shorter"):
        log.append([planned(attempt="c")])
    path.unlink()
    with pytest.raises(LogCorrupt, match="is gone: it held 2 entries"):
        log.entries()


def test_lock_file_that_is_replaced_during_use_is_locked_anew(path: Path) -> None:
    """A writer that went on with the file it had opened would lock out nobody."""
    log = writer(path, timeout=0.1)
    log.append([planned()])
    lock = path.parent / "log.jsonl.lock"
    lock.unlink()
    with lock.open("xb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LogError, match="was locked"):
            log.append([planned(attempt="b")])


def test_log_that_is_replaced_during_use_is_refused(path: Path) -> None:
    log = writer(path)
    log.append([planned()])
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)
    with pytest.raises(LogCorrupt, match="was replaced by another file"):
        log.append([planned(attempt="b")])


def test_error_after_the_lock_timeout_of_the_log_names_the_holder(path: Path) -> None:
    log = writer(path, timeout=0.1)
    log.append([planned()])
    with (path.parent / "log.jsonl.lock").open("r+b") as held:
        held.truncate()
        held.write(b"process 4242 on builder-7\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LogError, match=r"was locked for 0\.1 s by process 4242 on builder-7"):
            log.append([planned(attempt="b")])
    log.append([planned(attempt="b")])
    assert len(lines(path)) == 2


def test_cancellation_ends_the_wait_for_the_lock_of_the_log_file(path: Path) -> None:
    cancel = Cancel()
    writer(path).append([planned()])
    with (path.parent / "log.jsonl.lock").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.1, cancel.trip, [Terminated("terminated")]).start()
        started = time.monotonic()
        with pytest.raises(Terminated):
            writer(path, cancel=cancel).append([planned(attempt="b")])
    assert time.monotonic() - started < 5


def test_lock_file_of_the_log_stays_after_an_append(path: Path) -> None:
    writer(path).append([planned()])
    before = (path.parent / "log.jsonl.lock").stat().st_ino
    writer(path).append([planned(attempt="b")])
    assert (path.parent / "log.jsonl.lock").stat().st_ino == before


class Failing(OsFiles):
    """System calls of which `name` fails on the log file; `at`: numbers of the failing calls, from 1."""

    def __init__(self, name: str, error: int, *at: int) -> None:
        self.name, self.error, self.at, self.calls = name, error, at, 0
        self.log: set[int] = set()

    def _may_fail(self, name: str, fd: int) -> None:
        if name == self.name and fd in self.log:
            self.calls += 1
            if self.calls in self.at:
                raise OSError(self.error, os.strerror(self.error))

    def open(
        self, path: str, *, create: bool, append: bool = False, exclusive: bool = False, mode: int = 0o666
    ) -> int:
        fd = super().open(path, create=create, append=append, exclusive=exclusive, mode=mode)
        (self.log.add if path.endswith(".jsonl") else self.log.discard)(fd)
        return fd

    def open_read(self, path: str) -> int:
        fd = super().open_read(path)
        self.log.discard(fd)
        return fd

    def write(self, fd: int, data: bytes) -> int:
        self._may_fail("write", fd)
        if self.name == "short write" and fd in self.log:
            self.calls += 1
            if self.calls in self.at:
                return super().write(fd, data[: len(data) // 2])
        return super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._may_fail("sync", fd)
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        self._may_fail("truncate", fd)
        super().truncate(fd, size)


@pytest.mark.parametrize(
    ("name", "error", "cause"),
    [
        ("write", errno.ENOSPC, "no space left on device"),
        ("write", errno.EIO, "input/output error"),
        ("short write", errno.ENOSPC, "only a part of it fitted"),
        ("write", errno.EDQUOT, "disk quota exceeded"),
    ],
)
def test_failed_write_leaves_the_log_file_unchanged(path: Path, name: str, error: int, cause: str) -> None:
    writer(path).append([planned()])
    before = path.read_bytes()
    log = writer(path, files=Failing(name, error, 1))
    with pytest.raises(LogError, match=f"cannot be written: {cause}"):
        log.append([planned(attempt="b")])
    assert path.read_bytes() == before
    log.append([planned(attempt="b")])
    assert len(independently_verified(lines(path))) == 2


def test_partial_write_that_cannot_be_cut_off_is_repaired_by_the_next_writer(path: Path) -> None:
    class Stuck(Failing):
        def truncate(self, fd: int, size: int) -> None:
            if fd in self.log:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().truncate(fd, size)

    writer(path).append([planned()])
    with pytest.raises(LogError):
        writer(path, files=Stuck("short write", errno.ENOSPC, 1)).append([planned(attempt="b")])
    assert not path.read_bytes().endswith(b"\n")
    writer(path).append([planned(attempt="b")])
    assert len(independently_verified(lines(path))) == 2


class Journal(Failing):
    """System calls with a record of the writes and syncs on the log file, in their order."""

    def __init__(self, name: str, error: int, *at: int) -> None:
        super().__init__(name, error, *at)
        self.done: list[str] = []

    def write(self, fd: int, data: bytes) -> int:
        if fd in self.log:
            self.done.append("write")
        return super().write(fd, data)

    def rewrite(self, fd: int, data: bytes, offset: int) -> int:
        if fd in self.log:
            self.done.append("rewrite")
        return super().rewrite(fd, data, offset)

    def sync(self, fd: int) -> None:
        if fd in self.log:
            self.done.append("sync")
        super().sync(fd)


def test_log_entry_is_rewritten_and_synced_after_a_failed_fsync(path: Path) -> None:
    log = writer(path, files=(files := Journal("sync", errno.EIO, 1)))
    (entry,) = log.append([planned()])
    # A second fsync alone would say yes for pages that the kernel dropped.
    assert files.done == ["write", "sync", "rewrite", "sync"]
    assert lines(path) == [entry.raw]
    log.append([planned(attempt="b")])
    assert files.done[4:] == ["write", "sync"]


def test_append_to_the_log_file_raises_log_error_if_every_fsync_fails(path: Path) -> None:
    files = Failing("sync", errno.EIO, *range(1, 99))
    with pytest.raises(LogError, match="input/output error") as caught:
        writer(path, files=files).append([planned()])
    assert caught.value.hint
    # The next run, on a disk that works again, finds the entry.
    writer(path).append([planned()])
    assert len(independently_verified(lines(path))) == 1


def test_failed_read_raises_log_error_with_its_cause(path: Path) -> None:
    class Unreadable(OsFiles):
        def read(self, fd: int, offset: int) -> Iterator[bytes]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer(path).append([planned()])
    with pytest.raises(LogError, match="cannot be read: input/output error"):
        list(store(path, files=Unreadable()).read())
    with pytest.raises(LogError, match="cannot be read: input/output error"):
        store(path, files=Unreadable()).head()


def test_append_to_the_log_file_succeeds_where_directories_cannot_be_synced(path: Path) -> None:
    class NoDirectorySync(OsFiles):
        def sync(self, fd: int) -> None:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            super().sync(fd)

    assert writer(path, files=NoDirectorySync()).append([planned()])


LIMITED = """
import resource, sys
from pathlib import Path
from tests.integration.log.test_file import writer
from tests.support.logs.facts import planned
from release.errors import LogError
log = writer(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
acknowledged = 0
for number in range(100):
    try:
        log.append([planned(attempt=str(number))])
        acknowledged += 1
    except LogError as error:
        print(acknowledged, error.message, error.hint, sep="|")
        break
"""


def test_file_size_limit_keeps_every_acknowledged_entry(path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    acknowledged, message, hint = result.stdout.strip().split("|")
    assert "file too large" in message or "only a part of it fitted" in message
    assert hint == "make room on the disk, then run again"
    assert len(independently_verified(lines(path))) == int(acknowledged) > 3


def test_error_of_the_log_file_on_a_full_disk_says_to_make_room(tmp_path: Path) -> None:
    log = writer(tmp_path / "log.jsonl", files=Failing("write", errno.ENOSPC, *range(1, 9)))
    with pytest.raises(LogError, match="no space left on device") as caught:
        log.append([planned()])
    assert caught.value.hint == "make room on the disk, then run again"


def test_log_file_on_a_network_file_system_is_refused_unless_allowed(path: Path) -> None:
    class OnNfs(OsFiles):
        def network_filesystem(self, path: str) -> str | None:
            return "nfs4"

    for attempt in (
        store(path, files=OnNfs()).check_writable,
        lambda: writer(path, files=OnNfs()).append([planned()]),
    ):
        with pytest.raises(LogError, match=r"network file system \(`nfs4`\)") as caught:
            attempt()
        assert "log: {store: git}" in str(caught.value.hint)
    assert not path.exists()
    assert writer(path, files=OnNfs(), allow_network=True).append([planned()])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ext4", None),
        ("nfs4", "nfs4"),
        ("cifs", "cifs"),
        ("fuse.sshfs", "fuse.sshfs"),
        ("fuse.fuse-overlayfs", None),
        ("fuseblk", None),
        ("overlay", None),
    ],
)
def test_network_file_system_is_recognised_in_the_mount_table(kind: str, expected: str | None) -> None:
    table = [
        "22 27 0:21 / /proc rw,relatime - proc proc rw",
        f"40 27 0:42 / /mnt/with\\040space rw shared:1 master:2 - {kind} server:/x rw",
    ]
    assert network_type(table, "0:42") == expected
    assert network_type(table, "9:9") is None


def test_file_system_of_a_missing_path_in_the_temporary_folder_is_local(tmp_path: Path) -> None:
    assert OsFiles().network_filesystem(str(tmp_path / "not" / "there")) is None


def test_check_writable_raises_log_error_without_the_right_to_write(tmp_path: Path) -> None:
    class ReadOnly(OsFiles):
        def writable(self, path: str) -> bool:
            return False

    with pytest.raises(LogError, match="no right to write") as caught:
        store(tmp_path / "a" / "log.jsonl", files=ReadOnly()).check_writable()
    assert "log: {path: …}" in str(caught.value.hint)


def test_append_raises_log_error_if_a_parent_of_the_log_path_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="cannot be read: not a directory"):
        writer(tmp_path / "file" / "log.jsonl").append([planned()])


def test_killed_writers_lose_and_repeat_no_entry(path: Path, tmp_path: Path) -> None:
    herd = Herd({"store": "file", "path": str(path)}, tmp_path, workers=3, count=120)
    herd.run(kills=8, pause=0.15)
    herd.verify(lines(path))
    assert herd.kills >= 4


def test_threads_with_separate_log_writers_lose_no_entry(path: Path) -> None:
    def work(name: str) -> None:
        log = writer(path)
        for number in range(10):
            log.append([planned(attempt=f"{name}-{number}")])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(independently_verified(lines(path))) == 30


def test_stored_lines_are_json_with_unescaped_utf_8(path: Path) -> None:
    writer(path).append([planned(git_tag="v1.4.2", note_in_greek="αβγ")])
    fields = json.loads(path.read_text(encoding="utf-8"))
    assert fields["note_in_greek"] == "αβγ"
    assert "αβγ" in path.read_text(encoding="utf-8")
