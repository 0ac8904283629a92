"""Tests with a missing service are skipped and listed, or fail; a process that outlives a test fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs.reaper import wait_for_end
from tests.support.services import required

ROOT = Path(__file__).parents[2]

SUITE = """
import os, subprocess, sys
from tests.support.services.required import require

def test_needs_a_ghost():
    require("ghost")

def test_leaves_a_process():
    if os.environ.get("LEAVE"):
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        process.returncode = 0  # its destructor does not warn, as for a daemon that detached itself
"""

KILLED = """
import os, signal
from pathlib import Path
from tests.support.programs import processes

def test_is_killed(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    os.mkfifo(tmp_path / "fifo")
    argv = ["sh", "-c", "echo ready >&2; exec cat fifo"]
    service = processes.Service(argv, folder=tmp_path, name="sh", env=os.environ, ready=lambda line: b"ready" in line)
    processes.remove_if_killed(folder)
    Path("pids").write_text(f"{service.process.pid} {processes._reaper().pid} {folder}")
    os.kill(os.getpid(), signal.SIGKILL)
"""

CONFTEST = """
from tests.support.programs import processes
from tests.support.services import required as services
processes.GRACE = 0.1
services.SERVICES["ghost"] = services.Service(("no-such-program",), "")
pytest_plugins = ["tests.support.services.required", "tests.support.programs.processes"]
"""


def _run_suite(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    given = {name: value for name, value in os.environ.items() if name != "SHIPMARK_REQUIRE_SERVICES"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", *args],
        cwd=folder,
        env={**given, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_tests_skipped_for_a_missing_service_are_listed_at_the_end(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    done = _run_suite(tmp_path, *workers)
    assert done.returncode == 0, done.stdout
    assert "missing services" in done.stdout
    assert "1 test was not run, because a service is missing" in done.stdout
    assert (
        "ghost (no program `no-such-program`): 1 skipped\n  test_suite.py::test_needs_a_ghost" in done.stdout
    )
    assert done.stdout.splitlines()[-1].startswith("1 passed, 1 skipped in")


def test_missing_service_fails_the_test_run_if_services_are_required(tmp_path: Path) -> None:
    done = _run_suite(tmp_path, SHIPMARK_REQUIRE_SERVICES="1")
    assert done.returncode == 1
    assert "SHIPMARK_REQUIRE_SERVICES=1 allows no skip" in done.stdout


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are found through /proc")
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_process_that_outlives_its_test_fails_the_test_run_and_is_ended(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    done = _run_suite(tmp_path, *workers, LEAVE="1")
    assert done.returncode == 1
    assert "processes that outlived their tests" in done.stdout
    lines = [line for line in done.stdout.splitlines() if "time.sleep(60)" in line]
    assert len(lines) == 1
    pid = int(lines[0].removeprefix("pid ").partition(":")[0])
    assert not _is_alive(pid)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are found through /proc")
def test_run_that_is_killed_leaves_neither_service_process_nor_folder(tmp_path: Path) -> None:
    (tmp_path / "test_killed.py").write_text(KILLED)
    done = _run_suite(tmp_path, "test_killed.py")
    assert done.returncode == -9
    service, reaper, folder = (tmp_path / "pids").read_text().split()
    wait_for_end(int(reaper), 30)
    assert not _is_alive(int(service))
    assert not Path(folder).exists()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def test_every_service_names_its_packages() -> None:
    assert all(service.programs and service.packages for service in required.SERVICES.values())


def test_static_and_dynamic_programs_are_distinguished(tmp_path: Path) -> None:
    static, dynamic = tmp_path / "static", tmp_path / "dynamic"
    static.write_bytes(b"\x7fELF" + bytes(100))
    dynamic.write_bytes(b"\x7fELF" + bytes(100) + b"/lib64/ld-linux-x86-64.so.2\0")
    assert required._is_static(str(static))
    assert not required._is_static(str(dynamic))
