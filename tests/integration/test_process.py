"""Starting, cancelling and timing out real programs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import Interrupted, Terminated
from release.programs.processes import Processes

# The program says its own number and its child's, and both ignore being asked politely when told so.
FAMILY = """
import os, signal, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    with open(sys.argv[1] + ".part", "w") as file:
        file.write(f"{os.getpid()} {child}")
    os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


@pytest.fixture
def cancel() -> Cancel:
    return Cancel()


@pytest.fixture
def processes(cancel: Cancel) -> Processes:
    return Processes(cancel)


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(*pids: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if all(is_gone(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def when_written(path: Path, cancel: Cancel, error: Interrupted) -> threading.Thread:
    """Cancel the run as soon as the file `path` exists."""

    def watch() -> None:
        while not path.exists():
            time.sleep(0.01)
        cancel.trip(error)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def python(*argv: str) -> list[str]:
    return [sys.executable, "-I", "-c", *argv]


class TestEnd:
    def test_stdout_stderr_and_exit_code_of_a_program_are_returned_separately(
        self, processes: Processes
    ) -> None:
        done = processes.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
        assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")

    def test_a_program_ended_by_a_signal_has_a_negative_exit_code(self, processes: Processes) -> None:
        assert processes.run(python("import os; os.kill(os.getpid(), 9)")).code == -9

    def test_input_and_output_of_a_program_may_be_larger_than_a_pipe(self, processes: Processes) -> None:
        data = os.urandom(1 << 20)
        done = processes.run(
            python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"), stdin=data
        )
        assert done.stdout == data

    def test_a_program_may_take_its_time_after_it_got_input(
        self, processes: Processes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "release.programs.pipes._LOOK", 0.05
        )  # seconds between two checks for a cancelled run
        done = processes.run(["sh", "-c", "sleep 0.15; cat"], stdin=b"ghcr.io", timeout=20)
        assert done.stdout == b"ghcr.io"

    def test_a_started_program_has_exactly_the_given_environment(self, processes: Processes) -> None:
        done = processes.run(["/usr/bin/env"], env={"ONLY": "this"})
        assert done.stdout == b"ONLY=this\n"

    def test_a_started_program_runs_in_the_given_folder(self, processes: Processes, tmp_path: Path) -> None:
        assert processes.run(["pwd"], cwd=str(tmp_path)).stdout.decode().strip() == str(tmp_path)

    def test_arguments_of_a_program_are_not_read_by_a_shell(self, processes: Processes) -> None:
        text = "$(touch owned); `id` && 'x'"
        assert processes.run(["printf", "%s", text]).stdout.decode() == text


class TestMissing:
    def test_error_for_a_missing_program_names_it(self, processes: Processes, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            processes.run(["no-such-program-here"], cwd=str(tmp_path))
        assert caught.value.filename == "no-such-program-here"

    def test_error_for_a_missing_working_folder_of_a_program_names_it(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            processes.run(["true"], cwd=str(tmp_path / "none"))
        assert caught.value.filename == str(tmp_path / "none")


class TestEarlyEnd:
    @pytest.fixture(params=["obedient", "stubborn"])
    def family(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[list[str], Path]]:
        path = tmp_path / "pids"
        yield python(FAMILY, str(path), request.param), path
        for pid in map(int, path.read_text().split()):
            assert wait_until_gone(pid), "a process outlived its run"

    def test_cancelling_a_run_ends_the_process_group_of_its_program_and_raises(
        self, processes: Processes, cancel: Cancel, family: tuple[list[str], Path]
    ) -> None:
        argv, path = family
        thread = when_written(path, cancel, Terminated("terminated"))
        start = time.monotonic()
        with pytest.raises(Terminated):
            processes.run(argv)
        thread.join()
        assert time.monotonic() - start < 10

    def test_a_timeout_ends_the_process_group_of_a_program_and_leaves_no_zombie(
        self, processes: Processes, family: tuple[list[str], Path]
    ) -> None:
        argv, path = family
        with pytest.raises(TimeoutError, match=r"no end within 0.7 s"):
            processes.run(argv, timeout=0.7)
        leader = int(path.read_text().split()[0])
        with pytest.raises(ChildProcessError):
            os.waitpid(leader, os.WNOHANG)


@pytest.fixture
def never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A named pipe that nobody writes to, so that whoever opens it waits; programs look for their end at once."""
    monkeypatch.setattr("release.programs.pipes._LOOK", 0.02)
    monkeypatch.setattr("release.programs.pipes._AFTER_END", 0.02)
    os.mkfifo(tmp_path / "never")
    return str(tmp_path / "never")


class TestLeftRunning:
    """Programs that end and leave a process behind, such as credential helpers that start a daemon."""

    @pytest.mark.parametrize(
        "left",
        [
            'cat "$0" &',
            'cat "$0" >&2 &',
            'cat "$0" </dev/null >/dev/null 2>&1 &',
            """sh -c 'trap "" TERM; cat "$0"' "$0" &""",
            'yes <"$0" & yes &',
        ],
        ids=["holds stdout", "holds stderr", "holds nothing", "ignores SIGTERM", "writes on"],
    )
    def test_a_process_left_behind_holds_nothing_up_and_is_ended(
        self, processes: Processes, never: str, left: str
    ) -> None:
        done = processes.run(["sh", "-c", f"{left} echo $! >&2; head -c 200000 /dev/zero", never], timeout=20)
        assert done.stdout.count(b"\0") == 200000
        assert wait_until_gone(int(done.stderr))

    def test_a_process_left_behind_is_ended_where_the_system_has_no_waitid(
        self, processes: Processes, never: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr("os.waitid")  # macOS before Python 3.13
        done = processes.run(["sh", "-c", 'cat "$0" & echo $!', never], timeout=20)
        assert wait_until_gone(int(done.stdout))

    def test_a_process_in_a_session_of_its_own_holds_nothing_up_and_is_left_alone(
        self, processes: Processes, never: str
    ) -> None:
        done = processes.run(["sh", "-c", 'setsid cat "$0" & echo $!', never], timeout=20)
        left = int(done.stdout)
        assert not is_gone(left)
        os.kill(left, signal.SIGKILL)

    def test_input_that_nobody_reads_any_more_holds_nothing_up(
        self, processes: Processes, never: str
    ) -> None:
        argv = ["sh", "-c", 'exec 3<&0; cat "$0" <&3 >/dev/null 2>&1 & exit 3', never]
        assert processes.run(argv, stdin=b"x" * 300000, timeout=20).code == 3

    def test_a_followed_program_that_leaves_a_process_behind_ends(
        self, processes: Processes, never: str, tmp_path: Path
    ) -> None:
        lines: list[bytes] = []
        argv = ["sh", "-c", 'cat "$0" >&2 & echo $! >&2; printf "%s" end >&2; exit 3', never]
        assert processes.follow(argv, cwd=str(tmp_path), env=dict(os.environ), take=lines.append) == 3
        assert lines[1:] == [b"end"]
        assert wait_until_gone(int(lines[0]))


def test_no_program_starts_after_cancelling(processes: Processes, cancel: Cancel, tmp_path: Path) -> None:
    cancel.trip(Interrupted("interrupted"))
    with pytest.raises(Interrupted):
        processes.run(["touch", str(tmp_path / "started")])
    assert not (tmp_path / "started").exists()
