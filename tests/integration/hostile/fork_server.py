"""Runs shipmark many times without starting an interpreter each time: one process imports it and forks for each run.

Started as `python -I fork_server.py`. The process reads JSON requests from stdin, one a line, and answers by a line:
`{argv, cwd, env, out, err, seconds, cpu, memory}` -> `{code, wall, cpu}`. `out` and `err` are files for the streams,
`seconds` is the time until the child's group is killed, `cpu` (seconds) and `memory` (bytes) are the child's limits.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
from typing import Any

#: Imported late by the command; loaded here, they are there in every child.
_LIBRARIES = (
    "click.testing",
    "git",
    "msgspec",
    "sqlalchemy",
    "psycopg",
    "urllib3",
    "yaml",
    "ssl",
    "traceback",
)


def load() -> None:
    """Import everything that a run may need."""
    import release

    names = [one.name for one in pkgutil.walk_packages(release.__path__, "release.")]
    for name in (*_LIBRARIES, *names):
        if "migrations" not in name:
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # an extra that is not installed
    gc.freeze()


def child(request: dict[str, Any]) -> None:
    """Run the command in the forked child process; never returns."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, fd in enumerate((null, os.open(request["out"], flags), os.open(request["err"], flags))):
        os.dup2(fd, number)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    tempfile.tempdir = None
    sys.argv = ["shipmark", *request["argv"]]
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu"], request["cpu"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    from release.cli.main import main

    main()
    sys.exit(0)


def wait(pid: int, seconds: float) -> tuple[int, float]:
    """Wait for the child; kill its group when the time is up. Returns its exit code and its processor time."""
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, status, used = os.wait4(pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def serve() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            child(request)
        code, cpu = wait(pid, request["seconds"])
        answers.write(json.dumps({"code": code, "wall": time.monotonic() - start, "cpu": cpu}) + "\n")
        answers.flush()


if __name__ == "__main__":
    load()
    serve()
