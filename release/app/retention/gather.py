"""Gathers the facts of a prune: the policy, the content of the repositories, images in use, and the log's records.

Repositories are read several at a time. Only the caller's result for a repository stays in memory, not its content, so
that a plan for 1,000 repositories needs little more memory than one for the largest of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from release.app.retention.naming import namings
from release.app.retention.places import Place
from release.app.session import Session
from release.config.retention import RetentionSection
from release.errors import RegistryError
from release.inventory.in_use.references import UsedThere, by_repository, in_use_of
from release.inventory.in_use.sources import Asked, ask
from release.inventory.repository import Wanted, read_inventory
from release.log.answers.retained import Known, known_of_each
from release.retention.decide import decide
from release.retention.decision import Decision
from release.retention.policy import Policy, policy_of
from release.retention.rails import refusals
from release.retention.selection import USUAL_NAMING
from release.retention.snapshot import InUse, Inventory
from release.retention.trash import with_times
from release.tagging.rules.javascript.pattern import parse_pattern
from release.task_group import run_all

_T = TypeVar("_T")

# Repositories that are read at once: each waits for its list of tags, then for tags, then for manifests, and a small
# one never fills the 16 requests that go to a host at a time. More would only hold more of them in memory.
_AT_ONCE = 8
# Repositories that may fail before the rest is not read any more: the registry itself fails then, and each further
# repository would take the time of all retries.
_MOST_UNREAD = 20


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


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that could not be read."""

    place: Place
    error: Any  # RegistryError


class _Grounds:
    """What all repositories share. `policies`, `used`: by the policy's file."""

    def __init__(self, session: Session, places: Sequence[Place]) -> None:
        # Several repositories may have one section: it is read, and its sources are asked, once.
        sections = {place.where: place.section for place in places}
        self.session = session
        self.policies = {
            where: policy_of(one, compile_pattern=whole_match, where=where) for where, one in sections.items()
        }
        self.namings = namings(session, (place.name for place in places))
        self.used = {where: _ask(session, one) for where, one in sections.items()}
        entries, state = session.log.entries(), session.log_state.whole
        self.known: Mapping[str, Known] = known_of_each([place.name for place in places], entries, state)
        self._lock = threading.Lock()  # guards `_unread`
        self._unread = 0

    def ground(self, place: Place) -> Ground:
        """Read one repository and decide about it."""
        session, policy, known = self.session, self.policies[place.where], self.known[place.name]
        wanted = Wanted(
            digests=tuple(dict.fromkeys((*known.digests, *known.unfinished))),
            # Where the log has a better time, the image's own is not read: that saves a request.
            created_unless=frozenset(known.history.pushed) if policy.created_counts else None,
            deletes_tags=known.deletes_tags is not False,
        )
        repository = session.registries.open(place.name)
        inventory = read_inventory(
            repository, wanted, now=session.clock.now(), cancel=session.cancel, warn=session.warn
        )
        if place.is_trash:
            inventory = with_times(inventory)
        used = in_use_of(inventory, self.used[place.where].of(place.name))
        self._warn_of_missing(inventory, used)
        naming = USUAL_NAMING if place.is_trash else self.namings.get(place.name, USUAL_NAMING)
        decision = decide(policy, inventory, used, known.history, naming)
        return Ground(
            place=place,
            policy=policy,
            inventory=inventory,
            known=known,
            decision=decision,
            refused=refusals(policy.limits, inventory, decision),
        )

    def _warn_of_missing(self, inventory: Inventory, used: InUse) -> None:
        """Warn of tags in use that the repository does not have: what was meant may go."""
        missing = sorted(used.tags.keys() - {tag.name for tag in inventory.tags})
        if missing:
            more = f", nor {len(missing) - 1} more" if len(missing) > 1 else ""
            self.session.warn(f"{used.tags[missing[0]]}, which is not there{more}: it keeps no image")

    def read(self, use: Callable[[Ground], _T], place: Place) -> _T | Unread:
        """What `use` makes of one repository. Raises the error of a repository after too many have failed."""
        try:
            ground = self.ground(place)
        except RegistryError as error:
            with self._lock:
                self._unread += 1
                if self._unread > _MOST_UNREAD:
                    raise
            return Unread(place=place, error=error)
        return use(ground)


def gather(session: Session, places: Sequence[Place], use: Callable[[Ground], _T]) -> tuple[_T | Unread, ...]:
    """Read and decide everything; returns what `use` makes of each repository, and those that could not be read.

    `use` runs in several threads. Raises the error if no repository can be read, `RefusedError` if it is not known what
    is in use, `ConfigError` and others.
    """
    grounds = _Grounds(session, places)
    tasks = [partial(grounds.read, use, place) for place in places]
    found = run_all(tasks, jobs=_AT_ONCE, cancel=session.cancel)
    failed = [one for one in found if isinstance(one, Unread)]
    if failed and len(failed) == len(found):
        raise failed[0].error
    return tuple(found)


def _ask(session: Session, section: RetentionSection) -> UsedThere:
    asked = Asked(process=session.process, root=session.root, env=session.settings.env, cancel=session.cancel)
    return by_repository(ask(section.in_use, asked, warn=session.warn))


def whole_match(text: str) -> Callable[[str], bool]:
    """The regular expression `text`, with a time limit, for whole tags: `a|b` means `^(?:a|b)$`."""
    parse_pattern(text, literal=False)  # so that an error quotes what the user wrote
    compiled = parse_pattern(f"^(?:{text})$", literal=False)
    return lambda name: compiled.match(name) is not None
