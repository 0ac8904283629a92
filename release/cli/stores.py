"""Opens the version log that the configuration names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from release.errors import ConfigError
from release.log import LogStore
from release.log.writer import Writer

if TYPE_CHECKING:
    from release.cli.session import Session


def open_log(session: Session) -> Writer:
    """A writer over the configured store."""
    return Writer(open_store(session), clock=session.clock, cancel=session.cancel)


def open_store(session: Session) -> LogStore:
    """The configured store; nothing is read or made yet."""
    section = session.config.log
    if section.store != "file":
        raise ConfigError(
            f"`log.store: {section.store}` is not available yet", hint="use `log: {store: file}` for now"
        )
    from release.log.file_store import FileStore

    return FileStore(
        os.path.join(session.root, section.path),
        cancel=session.cancel,
        monotonic=session.clock.monotonic,
        name=section.path,
        allow_network=section.allow_network_fs,
    )
