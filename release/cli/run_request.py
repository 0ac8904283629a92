"""Options of `preview` and `run` as a request."""

from __future__ import annotations

from typing import Any

from release.app.releases.request import RunRequest, version_of
from release.app.session import Session


def run_request(
    session: Session, *, version: str | None = None, rebuild: str | None = None, **options: Any
) -> RunRequest:
    """The request. `options`: further members of it. Raises `ConfigError` for a version that is not one."""
    return RunRequest(
        version=version_of(version), rebuild_of=rebuild, component=session.settings.component, **options
    )
