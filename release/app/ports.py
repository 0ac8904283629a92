"""What a session needs of the world, as ports: tests can hand in others in place of those of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from release.oci import Registries
from release.ports import Clock, Entropy, Process

if TYPE_CHECKING:
    from release.app.log.open_log import LogContext
    from release.app.session import Session
    from release.build import Builder
    from release.config.model import LogSection
    from release.control import Cancel
    from release.effects.local_store import ContentStore
    from release.git.model import Snapshot
    from release.log.writer import Writer
    from release.registry.auth.keychain import Finder
    from release.tagging.model import TagPolicy


class OpenRegistries(Registries, Protocol):
    """Registries that also say which credentials they use."""

    def credentials(self) -> Finder:
        """The finder of credentials."""


class Presence(Protocol):
    """Tells whether the process of an attempt is alive."""

    def announced(self, attempt: str) -> AbstractContextManager[None]:
        """While the body runs, others can see that the attempt is at work."""

    def is_alive(self, attempt: str) -> bool | None:
        """Whether the attempt's process is alive; None where that cannot be known."""


class Ports(Protocol):
    """How a session reaches the world. A session asks a port once and keeps the answer, unless the port says otherwise.

    Not behind a port are the workspace's own files: the config file, and where the repository's top folder is.
    """

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def entropy(self) -> Entropy:
        """Randomness, for the names of attempts."""

    def process(self, cancel: Cancel) -> Process:
        """Starts programs until `cancel` is tripped."""

    def snapshot(self, session: Session, policy: TagPolicy) -> Snapshot:
        """What git says; asked once for each way to read versions."""

    def remote_heads(self, session: Session) -> dict[str, str] | None:
        """The remote's branches and their commits; None when it does not answer."""

    def remote_tags(self, session: Session) -> dict[str, str] | None:
        """The remote's git tags and their commits; None when it does not answer."""

    def registries(self, session: Session) -> OpenRegistries:
        """Targets by name."""

    def open_log(
        self, sections: Sequence[LogSection], ground: LogContext, *, budget: float = 120.0
    ) -> Writer:
        """The version log's writer. `budget`: seconds that one append may spend on losing to other writers."""

    def has_log(self, path: str) -> bool:
        """Whether the file of a version log exists; asked each time. `path`: absolute."""

    def content_store(self, session: Session) -> ContentStore:
        """The content store, which builders write to."""

    def builders(self, session: Session) -> Mapping[str, Builder]:
        """Every builder by its name, in the order in which `auto` asks them; asked for each plan."""

    def presence(self, session: Session) -> Presence:
        """Of this user's runs of this repository; asked each time."""

    def at_exit(self, last: Callable[[], None]) -> None:
        """Call `last` when the process ends well."""
