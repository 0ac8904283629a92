"""Makes statuses of versions, such as `yanked`, for tests."""

from __future__ import annotations

from collections.abc import Iterable

from release.versions.status import KnownStatus


def yanked(versions: Iterable[str], number: int = 1) -> tuple[KnownStatus, ...]:
    """Return a status `yanked` for each version, as the version's status number `number`."""
    return tuple(KnownStatus(version=one, number=number, status="yanked") for one in versions)
