"""Gathers what a prune decides by: policy, repositories, what they hold, what is in use, what the log knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from release.app.releases.known import project_of
from release.app.retention.reports import PruneRequest
from release.app.session import Session
from release.config.load import load_policy
from release.config.retention import RetentionSection
from release.errors import ConfigError
from release.inventory.in_use.references import Used, in_use_of
from release.inventory.in_use.sources import Asked, ask
from release.inventory.repository import Wanted, read_inventory
from release.log.answers.retained import Known, known_of
from release.oci.reference import parse_repository
from release.retention.decide import Decision, decide
from release.retention.policy import Policy, policy_of
from release.retention.rails import refusals
from release.retention.snapshot import Inventory
from release.tagging.rules.javascript import parse_pattern


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A repository to prune, the project that records it, and the policy. `where`: the policy's file."""

    name: str
    project: str
    section: RetentionSection
    where: str


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """One repository, completely read, and what is decided about it. `refused`: why that may not be executed."""

    place: Place
    policy: Policy
    inventory: Inventory
    known: Known
    decision: Decision
    refused: tuple[str, ...]

    @property
    def unfinished(self) -> dict[str, tuple[str, ...]]:
        """Digests that an earlier prune deleted without recording it, with the tags that they had."""
        there = self.inventory.manifests
        return {digest: tags for digest, tags in self.known.unfinished.items() if digest not in there}


def gather(session: Session, request: PruneRequest) -> tuple[Ground, ...]:
    """Read and decide everything. Raises `RefusedError` if it is not known what is in use, `ConfigError` and others."""
    places = places_of(session, request)
    # Several repositories may have one section: it is read, and its sources are asked, once.
    sections = {place.where: place.section for place in places}
    policies = {
        where: policy_of(one, compile_pattern=whole_match, where=where) for where, one in sections.items()
    }
    used = {where: _ask(session, one) for where, one in sections.items()}
    entries, state = session.log.entries(), session.log_state.whole
    grounds = []
    for place in places:
        known = known_of(place.name, entries, state)
        policy = policies[place.where]
        wanted = Wanted(
            digests=tuple(dict.fromkeys((*known.digests, *known.unfinished))),
            # Where the log has a better time, the image's own is not read: that saves a request.
            created_unless=frozenset(known.history.pushed) if policy.created_counts else None,
            deletes_tags=known.deletes_tags is not False,
        )
        repository = session.registries.open(place.name)
        inventory = read_inventory(repository, wanted, now=session.clock.now(), cancel=session.cancel)
        decision = decide(policy, inventory, in_use_of(inventory, used[place.where]), known.history)
        grounds.append(
            Ground(
                place=place,
                policy=policy,
                inventory=inventory,
                known=known,
                decision=decision,
                refused=refusals(policy.limits, inventory, decision),
            )
        )
    return tuple(grounds)


def _ask(session: Session, section: RetentionSection) -> tuple[Used, ...]:
    asked = Asked(process=session.process, root=session.root, env=session.settings.env, cancel=session.cancel)
    return ask(section.in_use, asked, warn=session.warn)


def whole_match(text: str) -> Callable[[str], bool]:
    """The regular expression `text`, with a time limit, for whole tags: `a|b` means `^(?:a|b)$`."""
    parse_pattern(text, literal=False)  # so that an error quotes what the user wrote
    compiled = parse_pattern(f"^(?:{text})$", literal=False)
    return lambda name: compiled.match(name) is not None


def places_of(session: Session, request: PruneRequest) -> tuple[Place, ...]:
    """The repositories to prune: those that the request names, or the images of the config. Raises `ConfigError`."""
    given = None if request.policy is None else load_policy(request.policy, request.policy_name)
    if request.repositories:
        return _named(session, request.repositories, given, request.policy_name)
    found: dict[str, Place] = {}
    for component in session.components:
        section = given or component.section.retention
        if section is None:
            continue
        where = request.policy_name if given else _where(session, component.name, len(session.components))
        for target in component.targets:
            name = session.registries.open(target.image).name
            project = project_of(session, component)
            found.setdefault(name, Place(name=name, project=project, section=section, where=where))
    if not found:
        raise _nothing(session, given)
    return tuple(found.values())


def _where(session: Session, component: str, components: int) -> str:
    source = session.config.source or "shipmark.yml"
    return f"{source} (component `{component}`)" if components > 1 else source


def _named(
    session: Session, names: Sequence[str], given: RetentionSection | None, policy_name: str
) -> tuple[Place, ...]:
    section = given or session.components[0].section.retention
    if section is None:
        raise _nothing(session, given)
    where = policy_name if given else session.config.source or "shipmark.yml"
    places = []
    for name in dict.fromkeys(names):
        reference = parse_repository(name)
        places.append(Place(name=reference.name, project=reference.name, section=section, where=where))
    return tuple(places)


def _nothing(session: Session, given: RetentionSection | None) -> ConfigError:
    if given is not None or any(one.section.retention for one in session.components):
        return ConfigError(
            "there is no image whose repository could be pruned",
            hint="give `--image ghcr.io/acme/app`, or write `image: ghcr.io/acme/app` into shipmark.yml",
        )
    return ConfigError(
        "no policy says what may be deleted",
        hint='write `retention: {delete: [{match: "sha-*", older_than: 30d}]}` into shipmark.yml, '
        "or name a file with `--policy FILE`",
    )
