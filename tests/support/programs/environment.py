"""The environment of programs that tests start: fixed variables, and `PATH` and `TMPDIR` of the test run."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.programs.processes import MARK
from tests.support.services.required import SEARCH_PATH

#: 2024-01-02T03:04:05Z, the first instant of every test repository.
EPOCH = 1_704_164_645


def scrubbed(home: Path) -> dict[str, str]:
    """Return a minimal environment whose home is `home`: no CI variable, no proxy, no user configuration."""
    return {
        "PATH": SEARCH_PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        "SHIPMARK_CACHE_DIR": str(home / "cache"),
        "SHIPMARK_BUILDX": "",  # docker's plugin lies in folders that no other variable hides
        "SHIPMARK_BUILDAH": "",  # the machine may have them, and tests say which builder they want
        "SHIPMARK_PODMAN": "",
        MARK: os.environ.get(MARK, ""),
        **hermetic_git(),
    }


def hermetic_git() -> dict[str, str]:
    """Return the variables that keep the machine's git configuration out."""
    return {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
