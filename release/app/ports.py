"""The ports through which a session reaches git, registries, the log, builders and the clock; tests replace them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Protocol

from release.oci import Descriptor, Registries
from release.ports import Clock, Entropy, Process

if TYPE_CHECKING:
    from release.app.log.open_log import LogContext
    from release.app.session import Session
    from release.build import Builder
    from release.config.model import LogSection
    from release.control import Cancel
    from release.effects.local_store import ContentStore
    from release.git.model import RemoteRefs, Snapshot
    from release.log.writer import Writer
    from release.oci.reference import Reference
    from release.registry.auth.credential import Finder
    from release.registry.rights import Rights
    from release.tagging.model import TagPolicy


class OpenRegistries(Registries, Protocol):
    """Registries with the credentials that they use."""

    def credentials(self) -> Finder:
        """The finder of credentials."""

    def rights(self, target: str) -> Rights:
        """The questions about the credential's rights in a repository of a registry. Raises `ConfigError`."""

    def repositories(self, within: Reference, wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """The paths of repositories that the registry of `within` lists, and for which `wanted` holds, sorted.

        Raises a `RegistryError` for a registry that does not list its repositories.
        """

    def layer(self, layer: Descriptor, registry: str | None) -> IO[bytes]:
        """Open a layer at its `urls`, unchecked. `registry`: the one that has the image's manifest, if one has it."""


class Presence(Protocol):
    """Announces attempts of this machine, and tells whether an attempt's process is alive."""

    def announced(self, attempt: str) -> AbstractContextManager[None]:
        """A context manager during which other processes can see that the attempt is alive."""

    def is_alive(self, attempt: str) -> bool | None:
        """Whether the attempt's process is alive; None where that cannot be known."""


class Ports(Protocol):
    """The ports of a session, which calls each once and keeps the result, unless the method's docstring differs.

    A session reads the config file, and finds the repository's top folder, without a port.
    """

    @property
    def clock(self) -> Clock:
        """The clock, for timestamps and durations."""

    @property
    def entropy(self) -> Entropy:
        """Random numbers, for the ids of attempts."""

    def process(self, cancel: Cancel) -> Process:
        """A starter of programs, which ends them when `cancel` is tripped."""

    def snapshot(self, session: Session, policy: TagPolicy) -> Snapshot:
        """The state of the repository, from git; called once for each way to read versions, and after `--deepen`."""

    def remote_refs(self, session: Session, remote: str) -> RemoteRefs:
        """The branches and tags of the remote called `remote`, or why it could not be asked."""

    def registries(self, session: Session) -> OpenRegistries:
        """The registries and layouts that targets name."""

    def open_log(
        self, sections: Sequence[LogSection], ground: LogContext, *, budget: float = 120.0
    ) -> Writer:
        """The version log's writer. `budget`: seconds in which one append may lose against other writers and retry."""

    def has_log(self, path: str) -> bool:
        """Whether the file of a version log exists; called each time that is needed. `path`: absolute."""

    def content_store(self, session: Session) -> ContentStore:
        """The content store, which builders write to."""

    def builders(self, session: Session) -> Mapping[str, Builder]:
        """Every builder by its name, in the order in which `auto` tries them; called for each plan."""

    def presence(self, session: Session) -> Presence:
        """The `Presence` of this user's runs of this repository; called each time that it is needed."""

    def at_exit(self, last: Callable[[], None]) -> None:
        """Call `last` at the end of the process, unless a signal kills it."""
