"""`Machine`: the real ports of a session. Each port imports modules at its first use, so small commands start fast."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from release.app.input_files import read_credentials
from release.programs.processes import Processes

if TYPE_CHECKING:
    from release.app.log.open_log import LogContext
    from release.app.ports import OpenRegistries, Presence
    from release.app.session import Session
    from release.build import Builder
    from release.config.model import LogSection
    from release.control import Cancel
    from release.effects.local_store import ContentStore
    from release.git.model import RemoteRefs, Snapshot
    from release.log.writer import Writer
    from release.ports import Process
    from release.tagging.model import TagPolicy


class SystemClock:
    """A `Clock` that reads the operating system's clocks."""

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()


class SystemEntropy:
    """An `Entropy` that reads the operating system's random numbers."""

    def token(self, size: int = 16) -> str:
        """Hex text of `size` random bytes."""
        return os.urandom(size).hex()


class Machine:
    """The `Ports` that reach the operating system, git, registries and the version log for real."""

    clock = SystemClock()
    entropy = SystemEntropy()

    def process(self, cancel: Cancel) -> Process:
        """A starter of real processes."""
        return Processes(cancel)

    def snapshot(self, session: Session, policy: TagPolicy) -> Snapshot:
        """The state of the repository around the working folder, from the `git` program."""
        from release.git.snapshot import snapshot

        return snapshot(
            session.process,
            session.directory,
            prefix=policy.prefix,
            env=session.settings.env,
            base=policy.base,
            versions=policy.versions,
            counted=policy.counted,
        )

    def remote_refs(self, session: Session, remote: str) -> RemoteRefs:
        """The remote's branches and tags, from `git ls-remote`."""
        from release.git.remote import remote_refs

        return remote_refs(session.process, session.root, session.settings.env, remote)

    def registries(self, session: Session) -> OpenRegistries:
        """A pool that opens registries over HTTP, and OCI layout folders."""
        from release.oci.reference import parse_repository
        from release.registry.registries import RegistryPool

        targets = [target for one in session.config.components for target in one.targets]
        insecure = [target.image for target in targets if target.insecure]
        remote = [target.image for target in targets if not target.image.startswith("oci:")]
        return RegistryPool(
            env=session.settings.env,
            read=read_credentials,
            process=session.process,
            clock=session.clock,
            sink=session.sink,
            cancel=session.cancel,
            deadline=session.deadline(),
            insecure=frozenset(parse_repository(image).registry for image in insecure),
            ca=session.settings.env.get("SHIPMARK_CA_FILE") or None,
            root=session.root,
            secrets=session.secrets,
            anonymous=not session.trust.trusted,
            registries=frozenset(parse_repository(image).registry for image in remote),
        )

    def open_log(
        self, sections: Sequence[LogSection], ground: LogContext, *, budget: float = 120.0
    ) -> Writer:
        """A writer for the log stores that the configuration names."""
        from release.app.log.open_log import open_log

        return open_log(sections, ground, budget=budget)

    def has_log(self, path: str) -> bool:
        """Whether `path` exists, be it a file, a folder or a symlink."""
        return os.path.lexists(path)

    def content_store(self, session: Session) -> ContentStore:
        """The content store: an OCI layout in the cache folder."""
        from release.app.cache import store_path
        from release.effects.local_store import LocalStore

        return LocalStore(store_path(session))

    def builders(self, session: Session) -> Mapping[str, Builder]:
        """Every builder of shipmark, by name."""
        from release import __version__
        from release.app.obtain.builds import contexts_of
        from release.app.obtain.destinations import SessionDestinations
        from release.build.auto import builders
        from release.build.embedded.located_bases import LocatedBases
        from release.control import Cancel

        return builders(
            session.settings.env,
            process=Processes(session.cancel),
            last=Processes(Cancel()),
            sink=session.sink,
            cancel=session.cancel,
            version=__version__,
            bases=LocatedBases(session, daemon=session.trust.trusted),
            contexts=contexts_of(session),
            destinations=SessionDestinations(session) if session.trust.trusted else None,
        )

    def presence(self, session: Session) -> Presence:
        """A `Presence` that locks files in the cache folder."""
        from release.log.liveness import Presence

        return Presence(os.path.join(session.cache.path, "runs"))

    def at_exit(self, last: Callable[[], None]) -> None:
        """Register `last` with Python's `atexit`."""
        atexit.register(last)
