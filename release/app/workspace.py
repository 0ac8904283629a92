"""Opens a workspace: the value that every use case takes first."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from release.app.session import Session
from release.app.settings import Settings
from release.errors import ConfigError
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
    `sink`: receives notes, progress and step events; without a sink they are dropped. Raises `ConfigError` where Python
    does not decode names of files as UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8":
        # Images, JSON and git name files in UTF-8: `ä.txt` would have another name in the image.
        raise ConfigError(
            f"Python decodes names of files as `{sys.getfilesystemencoding()}`, not as UTF-8",
            hint="start Python with `-X utf8`, or set `PYTHONUTF8=1` or a UTF-8 locale such as `LC_ALL=C.UTF-8`",
        )
    settings = Settings(
        directory=directory, config=config, ci=ci, images=tuple(images), component=component, env=dict(env)
    )
    return Session(settings, sink=sink)
