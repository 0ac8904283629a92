"""Statuses of versions for tests."""

from __future__ import annotations

from collections.abc import Iterable

from release.versions.status import KnownStatus


def yanked(versions: Iterable[str], number: int = 1) -> tuple[KnownStatus, ...]:
    """The status `yanked` for each version."""
    return tuple(KnownStatus(version=one, number=number, status="yanked") for one in versions)
