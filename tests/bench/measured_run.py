"""Runs one command and prints what it cost, as a program of its own that needs little memory.

The peak memory of a process includes what its parent had when the process was made. So the harness, which may hold a
hundred megabytes, starts this program, and this one the command: `python -I -S measured_run.py`, with a JSON object on
stdin, `{argv, cwd, env, limit}`, and one on stdout, `{status, is_late, said, cpu, wall, rss}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

# Characters of stderr that are handed on: the last line is shown.
_MOST = 4000


def main() -> None:
    """Run what stdin asks for. `limit`, `cpu`, `wall`: seconds; `rss`: KiB."""
    asked = json.load(sys.stdin)
    start = time.perf_counter()
    process = subprocess.Popen(
        asked["argv"],
        cwd=asked["cwd"],
        env=asked["env"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        os.killpg(process.pid, 9)

    timer = threading.Timer(asked["limit"], end)
    timer.start()
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    result = {
        "status": process.returncode,
        "is_late": late.is_set(),
        "said": said.decode(errors="replace")[-_MOST:],
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": wall,
        "rss": usage.ru_maxrss,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
