"""Connects to the targets of a release before it asks them anything: requests are answered while this process works."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from release.app.session import Session
from release.config.component import Component
from release.errors import ReleaseError
from release.oci import Connects, Repository
from release.task_group import TaskGroup

if TYPE_CHECKING:
    from release.effects.tag_reader import TagReader


def connect_early(session: Session, name: str | None = None) -> None:
    """Connect to the targets of the component `name`, or of the only one; see `connect`. Raises `ConfigError`.

    Called before the modules of a command are imported, which takes longer than an answer of the registry. Does nothing
    in a run that is not trusted, and where several components are meant, since few of them may be released.
    """
    if session.trust.trusted:
        components = session.components_named(name)
        if len(components) == 1:
            connect(session, components[0])


def connect(session: Session, component: Component) -> None:
    """Connect to the component's targets and list their tags, in threads; does nothing the second time.

    Whatever fails is tried again, and reported then.
    """
    targets = [target for target in component.targets if target.image not in session.connected]
    session.connected.update(target.image for target in targets)
    group = TaskGroup(jobs=len(targets) or 1, name="connect", cancel=session.cancel)
    for target in targets:
        with suppress(ReleaseError):
            # Opened in this thread: beside its imports those of the registry's client would take twice as long.
            repository = session.registries.open(target.image)
            group.start(partial(_ask, session.tags, repository, listing=target.moving))


def _ask(tags: TagReader, repository: Repository, *, listing: bool) -> None:
    if isinstance(repository, Connects):
        repository.connect()
    if listing:
        tags.ahead(repository, listing=True)
