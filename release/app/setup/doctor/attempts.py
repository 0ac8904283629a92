"""Turns errors into values, so that one check that fails does not end the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from release.app.setup.doctor.scene import Broken
from release.errors import Interrupted, ReleaseError

T = TypeVar("T")


def attempt(read: Callable[[], T]) -> T | Broken:
    """What `read` returns, or its error as a value. Raises the exception that cancelled the run."""
    try:
        return read()
    except Interrupted:
        raise
    except ReleaseError as error:
        return Broken(error.message, error.hint, error.exit_code)
