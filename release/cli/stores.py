"""Opens the version log that the configuration names."""

from __future__ import annotations

import os

from release.config.model import LogSection
from release.control import Cancel
from release.errors import ConfigError
from release.log import LogStore
from release.log.writer import Writer
from release.world import Clock


def open_log(
    section: LogSection, root: str, *, clock: Clock, cancel: Cancel, budget: float = 120.0
) -> Writer:
    """A writer over the configured store. `budget`: seconds that one append may spend on losing to other writers."""
    return Writer(
        open_store(section, root, clock=clock, cancel=cancel), clock=clock, cancel=cancel, budget=budget
    )


def open_store(section: LogSection, root: str, *, clock: Clock, cancel: Cancel) -> LogStore:
    """The configured store; nothing is read or made yet. `root`: the repository's top folder."""
    if section.store != "file":
        raise ConfigError(
            f"`log.store: {section.store}` is not available yet", hint="use `log: {store: file}` for now"
        )
    from release.log.file_store import FileStore

    return FileStore(
        os.path.join(root, section.path),
        cancel=cancel,
        monotonic=clock.monotonic,
        name=section.path,
        allow_network=section.allow_network_fs,
    )
