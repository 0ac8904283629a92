"""The ports of a session that handlers use, and what the handlers of one run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from release.app.session import Session
    from release.build.auto import Choice
    from release.control import Cancel
    from release.effects.image_checks import CheckPlaces
    from release.effects.local_store import ContentStore, Sources
    from release.effects.retention.delete import TagDeletions
    from release.effects.retention.listing import Listings
    from release.effects.retention.save import Vault
    from release.effects.tag_reader import TagReader
    from release.effects.watch import GitBranches, ReleaseSource
    from release.errors import ReleaseError
    from release.events import Sink
    from release.log import LogWriter
    from release.oci import Registries, Repository
    from release.ports import Process


class StepPorts(msgspec.Struct, frozen=True, kw_only=True):
    """The ports that handlers use. `branches`: gives the reader of git, for tags that follow a branch.

    `places`: gives the places in which the commands of `checks:` find the image. `outputs`: gives the paths in the
    workspace that shipmark writes. `now`: gives milliseconds since the epoch.
    """

    registries: Registries
    log: LogWriter
    store: ContentStore
    tags: TagReader
    branches: Callable[[], GitBranches]
    sink: Sink
    cancel: Cancel
    now: Callable[[], int]
    process: Process
    places: Callable[[], CheckPlaces]
    root: str
    env: Mapping[str, str]
    outputs: Callable[[], tuple[str, ...]]


def ports_of(session: Session) -> StepPorts:
    """The session's ports for handlers."""

    def branches() -> GitBranches:
        from release.app.clone_history import ancestry_of, tips_of
        from release.effects.watch import GitBranches

        return GitBranches(ancestry_of(session), tips_of(session))

    def places() -> CheckPlaces:
        from release.app.obtain.check_places import SessionCheckPlaces

        return SessionCheckPlaces(session)

    def outputs() -> tuple[str, ...]:
        from release.app.obtain.build_tasks import outputs_of

        return outputs_of(session.config)

    return StepPorts(
        registries=session.registries,
        log=session.log,
        store=session.store,
        tags=session.tags,
        branches=branches,
        sink=session.sink,
        cancel=session.cancel,
        now=session.clock.now,
        process=session.process,
        places=places,
        root=session.root,
        env=session.settings.env,
        outputs=outputs,
    )


class Shared:
    """What the handlers of one run share; the arguments are those of `handlers`."""

    def __init__(
        self,
        ports: StepPorts,
        releases: ReleaseSource,
        *,
        context: Mapping[str, Any],
        builds: Mapping[str, Choice | ReleaseError],
        supplied: Repository | None,
        ahead: Mapping[str, str],
        listed: Mapping[str, Mapping[str, str]] | None,
    ) -> None:
        self.ports = ports
        self.releases = releases
        self.context = context
        self.builds = builds
        self.ahead = ahead
        self._supplied = supplied
        self._listed = listed

    @cached_property
    def sources(self) -> Sources:
        """The places where the bytes of an image are found."""
        from release.effects.local_store import Sources

        return Sources(self.ports.registries, self.ports.store, supplied=self._supplied)

    @cached_property
    def listings(self) -> Listings:
        """The tags of repositories, for the steps of a prune."""
        from release.effects.retention.listing import Listings

        return Listings(self._listed)

    @cached_property
    def vault(self) -> Vault:
        """The manifests that prunes saved in the version log."""
        from release.effects.retention.save import Vault

        return Vault(self.ports.log)

    @cached_property
    def deletions(self) -> TagDeletions:
        """The handler of `delete-tag`; the step at the end of a prune asks the handler, too."""
        from release.effects.retention.delete import TagDeletions

        ports = self.ports
        return TagDeletions(ports.registries, self.listings, sink=ports.sink, cancel=ports.cancel)
