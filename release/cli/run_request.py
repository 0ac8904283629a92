"""Makes a `RunRequest` from the options of `preview` and `run`."""

from __future__ import annotations

from typing import Any

from release.app.releases.request import RunRequest, version_of
from release.app.session import Session


def run_request(
    session: Session, *, version: str | None = None, rebuild: str | None = None, **options: Any
) -> RunRequest:
    """The request for the options. `options`: further members of the request.

    Raises `ConfigError` if `version` is not a version.
    """
    return RunRequest(
        version=version_of(version), rebuild_of=rebuild, component=session.settings.component, **options
    )
