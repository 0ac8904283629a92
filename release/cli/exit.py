"""Ends the process without Python's cleanup at exit, which takes as long as a small command."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import NoReturn

from release.cli.output.streams import Escaping


def leave(code: int) -> NoReturn:
    """Run the functions registered with `atexit`, flush stdout and stderr, and end the process with `code`."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # Errors are ignored: data was flushed when it was printed, and errors were reported then. Only click's help and
        # lines without a line break are flushed at this point.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.finish() if isinstance(stream, Escaping) else stream.flush()
    os._exit(code)
