"""The end of the process, at once: taking the interpreter apart takes as long as a small command does."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import NoReturn

from release.cli.output.streams import Escaping


def leave(code: int) -> NoReturn:
    """Do what was left for the end, write out what was printed, and end with `code`."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # Data was flushed, and its failures said, when it was printed; this is click's help, and lines without an end.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.finish() if isinstance(stream, Escaping) else stream.flush()
    os._exit(code)
