"""Programs from the Go toolchain, built once into `.bench/go`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.services.required import MARK, program

ROOT = Path(__file__).parents[3]
_BUILT = ROOT / ".bench" / "go"


def install(package: str) -> Path:
    """Install the Go package (`example.org/x/cmd/y@v1.2`) unless that version is there; return the program's path."""
    path, _, version = package.partition("@")
    target = _BUILT / version / path.rpartition("/")[2]
    if not target.exists():
        _go("install", package, folder=target.parent)
    return target


def build(folder: Path) -> Path:
    """Build a Go module of this repository, and return its program."""
    target = _BUILT / folder.name
    _go("build", "-C", str(folder), "-o", str(target), ".")
    return target


def _go(*args: str, folder: Path = _BUILT) -> None:
    # Not among the services: `make test` would install it, and only `make soak` wants it.
    try:
        go = program("go")
    except FileNotFoundError:
        pytest.skip(f"{MARK}go (no program `go`)")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, *args],
        env={**os.environ, "GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
