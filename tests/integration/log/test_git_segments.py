"""A new copy of a long git log: the newest commits and the segments give every entry, or all commits do."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from release.control import Cancel
from release.errors import LogCorrupt
from release.log.stores.git.remote import GitRemote
from release.log.stores.git.store import GitStore
from release.programs.processes import Processes
from tests.support.logs.bare_remote import REF, BareRemote
from tests.support.logs.facts import independently_verified, planned, writer

SEGMENTS = "refs/shipmark/segments/shipmark/log"
SIZE = 4  # entries in a segment of these tests


class Log(BareRemote):
    """A git log in a bare repository, read and written through copies with names."""

    def store(self, copy: str, segment: int = SIZE, *, stays_partial: bool = True) -> GitStore:
        cancel = Cancel()
        remote = GitRemote(
            process=Processes(cancel),
            env=self.env,
            cache=str(self.folder / copy / "log.git"),
            url=self.url,
            name="log",
            cancel=cancel,
            monotonic=time.monotonic,
        )
        return GitStore(remote, name="log", segment=segment, stays_partial=stays_partial)

    def append(self, copy: str, *counts: int, segment: int = SIZE) -> None:
        """Append entries, each number of them at once."""
        log = writer(self.store(copy, segment))
        for count in counts:
            log.append([planned(attempt=f"{copy}-{count}-{time.monotonic_ns()}-{n}") for n in range(count)])

    def read(self, copy: str, after: int = -1) -> list[bytes]:
        return [entry.raw for entry in self.store(copy).read(after)]

    def segments(self) -> list[list[bytes]]:
        """The lines of each segment, none left out."""
        refs = self.git("for-each-ref", "--format=%(refname)", SEGMENTS).split()
        assert refs == [f"{SEGMENTS}/{number:06d}" for number in range(len(refs))]
        return [gzip.decompress(self.content(ref)).splitlines() for ref in refs]

    def content(self, ref: str) -> bytes:
        """The compressed entries of a segment."""
        return self.raw("cat-file", "blob", f"{ref}:entries.jsonl.gz")

    def put(self, number: int, content: bytes) -> None:
        """Make segment `number` hold `content`."""
        blob = self.raw("hash-object", "-w", "--stdin", stdin=content).decode().strip()
        tree = self.git("mktree", text=f"100644 blob {blob}\tentries.jsonl.gz\n")
        commit = self.git("commit-tree", tree, "-m", "x")
        self.git("update-ref", f"{SEGMENTS}/{number:06d}", commit)

    def require_whole(self) -> None:
        """Check that the log is a chain, and that the segments hold its entries, as many as are full."""
        lines = self.lines()
        independently_verified(lines)
        full = [lines[start : start + SIZE] for start in range(0, len(lines) - SIZE + 1, SIZE)]
        assert self.segments() == full


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a log of 23 entries with five segments."""
    folder = tmp_path_factory.mktemp("segments")
    Log(folder).append("a", 3, 20)
    return folder


@pytest.fixture
def log(made: Path, tmp_path: Path) -> Log:
    """A log of 23 entries with five segments, and the copy `a` of it."""
    shutil.copytree(made, tmp_path / "log")
    return Log(tmp_path / "log")


def test_new_copy_of_a_git_log_takes_older_entries_from_segments(log: Log) -> None:
    log.require_whole()
    assert log.read("b") == log.lines()
    # The newest two segments' entries and one more have commits there.
    assert int(log.git("rev-list", "--count", "refs/seen/log", copy="b")) == 2 * SIZE + 1
    # Later processes with this copy read all of it, too, and its end alone.
    assert log.read("b") == log.lines()
    assert log.read("b", 5) == log.lines()[6:]
    log.append("b", 1, 5)
    log.append("a", 1)
    assert log.read("b") == log.read("a") == log.read("c") == log.lines()
    log.require_whole()


def test_new_copy_of_a_git_log_without_segments_takes_all_commits_and_its_writer_makes_them(
    tmp_path: Path,
) -> None:
    log = Log(tmp_path)
    log.append("a", 23, segment=1000)  # as earlier versions did
    assert log.segments() == []
    assert log.read("b") == log.lines()
    assert log.segments() == []
    log.append("c", 1)
    log.require_whole()


def test_earlier_version_appends_to_a_git_log_with_segments(log: Log) -> None:
    log.append("old", 14, segment=1000)
    assert log.read("b") == log.lines()
    log.append("c", 1)
    log.require_whole()
    assert log.read("d") == log.read("old") == log.lines()


def _deleted(log: Log, number: int) -> None:
    log.git("update-ref", "-d", f"{SEGMENTS}/{number:06d}")


def _not_packed(log: Log, number: int) -> None:
    log.put(number, b"\n".join(log.segments()[number]) + b"\n")


def _torn(log: Log, number: int) -> None:
    log.put(number, log.content(f"{SEGMENTS}/{number:06d}")[:-40])


def _changed(log: Log, number: int) -> None:
    lines = [line.replace(b"a-", b"b-") for line in log.segments()[number]]
    log.put(number, gzip.compress(b"\n".join(lines) + b"\n"))


def _too_short(log: Log, number: int) -> None:
    log.put(number, gzip.compress(b"\n".join(log.segments()[number][:-1]) + b"\n"))


def _another(log: Log, number: int) -> None:
    log.git("update-ref", f"{SEGMENTS}/{number:06d}", f"{SEGMENTS}/{(number + 1) % 3:06d}")


def _empty(log: Log, number: int) -> None:
    tree = log.git("mktree")
    log.git("update-ref", f"{SEGMENTS}/{number:06d}", log.git("commit-tree", tree, "-m", "x"))


FAULTS = [
    (_deleted, 0),
    (_not_packed, 1),
    (_torn, 2),
    (_changed, 2),
    (_too_short, 3),
    (_another, 1),
    (_empty, 0),
]


@pytest.mark.parametrize(("fault", "number"), FAULTS)
def test_segment_that_does_not_fit_its_git_log_is_passed_over_and_made_anew(
    log: Log, fault: Callable[[Log, int], None], number: int
) -> None:
    fault(log, number)
    lines = log.lines()
    log.append("b", 1)
    log.require_whole()
    assert log.read("c") == log.lines()
    assert log.lines()[:-1] == lines


def test_segments_of_a_git_log_whose_remote_lost_its_newest_entries_are_made_anew(log: Log) -> None:
    """After a power cut of a remote that does not fsync: the segments survived, and the log goes on differently."""
    log.git("update-ref", REF, f"{REF}~6")
    log.append("b", 12)
    assert log.read("c") == log.lines()
    log.append("d", 1)
    log.require_whole()
    assert log.read("e") == log.lines()


def test_copy_with_the_newest_commits_of_a_git_log_becomes_whole_and_restores_what_the_remote_lost(
    log: Log,
) -> None:
    lines, partial_copy = log.lines(), log.folder / "b" / "log.git" / "shallow"
    first = log.store("b", stays_partial=False)
    for _ in range(2):
        assert [entry.raw for entry in first.read()] == lines
        assert partial_copy.exists()
    # The next process.
    assert [entry.raw for entry in log.store("b", stays_partial=False).read()] == lines
    assert not partial_copy.exists()
    log.git("update-ref", REF, f"{REF}~12")
    with pytest.raises(LogCorrupt, match="was rewritten") as told:
        log.read("b")
    command = str(told.value.hint).partition("`")[2].partition("`")[0].replace("URL", log.url)
    subprocess.run(command.split(), env=log.env, check=True, capture_output=True)
    assert log.lines() == lines == log.read("b")


def restored(log: Log, copy: str) -> tuple[str, subprocess.CompletedProcess[str]]:
    """Return the hint for a rewritten log, and what its command gives."""
    with pytest.raises(LogCorrupt, match=r"was rewritten|was deleted") as told:
        log.read(copy)
    hint = str(told.value.hint)
    command = hint.partition("`")[2].partition("`")[0].replace("URL", log.url)
    return hint, subprocess.run(command.split(), env=log.env, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("kept", ["nothing", "one entry", "most entries"])
def test_copy_of_a_git_log_without_older_commits_restores_a_log_whose_remote_lost_them(
    log: Log, kept: str
) -> None:
    """In CI copies stay without the older commits; the entries in their segments give those again."""
    lines = log.lines()
    assert log.read("b") == lines
    last = {"nothing": None, "one entry": f"{REF}~22", "most entries": f"{REF}~12"}[kept]
    log.git("update-ref", *(["-d", REF] if last is None else [REF, last]))
    log.git("gc", "--quiet", "--prune=now")
    hint, done = restored(log, "b")
    assert (done.returncode, "lacks older commits" in hint) == (0, False), done.stderr
    assert log.lines() == lines == log.read("b") == log.read("c")
    log.append("b", 5)
    log.require_whole()


@pytest.mark.parametrize(
    "damage", ["a segment is missing", "a segment has another line", "commits of an older form"]
)
def test_hint_for_a_rewritten_git_log_says_that_a_copy_may_not_restore_it(
    log: Log, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log.read("b")
    ref = "refs/fetched-segments/000001"
    if damage == "a segment is missing":
        log.git("update-ref", "-d", ref, copy="b")
    elif damage == "a segment has another line":
        log.git("update-ref", ref, log.git("rev-parse", "refs/fetched-segments/000000", copy="b"), copy="b")
    else:
        monkeypatch.setattr("release.log.stores.git.history._seconds", lambda fields: 1)
    log.git("update-ref", REF, f"{REF}~12")
    hint, done = restored(log, "b")
    assert "lacks older commits" in hint
    assert "where it answers `shallow update not allowed`, only a machine with a whole copy can" in hint
    assert "shallow update not allowed" in done.stderr
    # The copy `a` is whole.
    hint, done = restored(log, "a")
    assert (done.returncode, "lacks older commits" in hint) == (0, False)


def test_git_remote_that_sends_all_commits_or_none_is_read(log: Log) -> None:
    """A web server with plain files."""
    lines = log.lines()
    log.git("update-server-info")
    handler = partial(_Quiet, directory=log.url)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        log.url = f"http://127.0.0.1:{server.server_port}/"
        assert log.read("b") == lines
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *values: Sequence[object]) -> None:  # noqa: A002 - its name there
        """Say nothing."""
