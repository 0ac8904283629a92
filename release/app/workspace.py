"""Opens a workspace: the value that every use case takes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from release.app.session import Session
from release.app.settings import Settings
from release.events import Sink


def open_workspace(
    directory: str = ".",
    *,
    env: Mapping[str, str],
    config: str | None = None,
    ci: str | None = None,
    images: Sequence[str] = (),
    component: str | None = None,
    sink: Sink | None = None,
) -> Session:
    """The workspace in `directory`. Files are read, and connections made, only when a use case needs them.

    `env`: environment variables, usually `os.environ`: the CI system, credentials and git are found through them.
    `config`: a config file in place of `shipmark.yml`. `ci`: a CI system in place of the detected one, or `none`.
    `images`: targets in place of those in the config. `component`: the component of requests that name none.
    `sink`: receives notes, progress and step events; without a sink they are dropped.
    """
    settings = Settings(
        directory=directory, config=config, ci=ci, images=tuple(images), component=component, env=dict(env)
    )
    return Session(settings, sink=sink)
