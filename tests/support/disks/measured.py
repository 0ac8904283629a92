"""`measured.py FILE LIMIT COMMAND …` runs COMMAND; writes its exit code, memory and bytes on disks to FILE, as JSON.

`LIMIT`: bytes that no file may grow beyond, or -1 for no limit. The script is a small program of its own because the
system counts the peak memory of a process from before its `exec`, when it was still a copy of its parent.
"""

from __future__ import annotations

import json
import os
import resource
import sys


def main(report: str, limit: str, *argv: str) -> None:
    """Run `argv`, whose first word is the path of a program, and write the measurements to `report`."""
    if limit != "-1":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    process = os.posix_spawn(argv[0], argv, os.environ)
    _, status, usage = os.wait4(process, 0)
    taken = {
        "code": os.waitstatus_to_exitcode(status),
        "memory": usage.ru_maxrss * 1024,
        "written": usage.ru_oublock * 512,
    }
    with open(report, "w", encoding="utf-8") as stream:
        json.dump(taken, stream)


if __name__ == "__main__":
    main(*sys.argv[1:])
