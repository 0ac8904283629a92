"""Finds the destinations of a promotion, and what their tags hold."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.app.lifecycle.promote_origin import Origin, component_of, target_name
from release.app.lifecycle.promote_tags import Tags, named_tags, split_place, usual_tags
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError
from release.image_names.locate import locate_target
from release.log.catalog.view import LogView
from release.plan.promote import Destination
from release.tagging.model import HeldTags


def destinations(session: Session, origin: Origin, texts: Sequence[str]) -> tuple[Destination, ...]:
    """The destinations that texts `REPO[:TAG,...]` name, one for each repository, with what their tags hold now.

    Raises `ConfigError`.
    """
    wanted: dict[str, Tags] = {}
    for text in texts:
        head, names = split_place(text)
        location = locate_target(session, head)
        target = target_name(session, location)
        component = component_of(session, location, origin.component)
        tags = named_tags(names) if names else _usual(session, origin, target, component)
        if component is not None and not _may_move(session, component, target):
            tags = msgspec.structs.replace(tags, moving=())
        wanted[target] = tags.joined(wanted.get(target, Tags()))
    return tuple(_destination(session, origin, target, tags) for target, tags in wanted.items())


def _usual(session: Session, origin: Origin, target: str, component: Component | None) -> Tags:
    tags = usual_tags(session, component, origin.candidate, origin.fixed or origin.released, origin.tag)
    if tags is None:
        raise ConfigError(
            f"`{origin.name}@{origin.digest}` is not a released version, so `--to` must name its tags in `{target}`",
            hint=f"write `--to {target}:TAG`",
        )
    return tags


def _may_move(session: Session, component: Component, target: str) -> bool:
    own = [one for one in component.targets if session.registries.open(one.image).name == target]
    return all(one.moving for one in own)


def _destination(session: Session, origin: Origin, target: str, tags: Tags) -> Destination:
    repository = session.registries.open(target)
    session.tags.ahead(repository, tags.every, listing=bool(tags.moving))
    held = HeldTags(held=tuple(session.tags.read(repository, target, name) for name in tags.every))
    recorded, follows = history(session.log_state, target, tags.every, origin.digest)
    return Destination(
        target=target,
        fixed=tags.fixed,
        moving=tags.moving,
        names=tags.names,
        held=held,
        recorded=recorded,
        follows=follows,
    )


def history(state: LogView, target: str, tags: Sequence[str], digest: str) -> tuple[bool, int | None]:
    """Whether the log says that every tag holds the digest; and the position of the last entry that set one of them."""
    last = [hold for tag in tags if (hold := state.last_hold(target, tag)) is not None]
    recorded = bool(tags) and len(last) == len(tags) and all(one.digest == digest for one in last)
    return recorded, max((one.seq for one in last), default=None)
