"""The table of handlers, one for each step kind, with which commands such as `run` and `preview` go through plans.

A new step kind is a row of the table; its operands are in `plan.operands`, its step in `plan.steps`, its handler in
`effects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.app.clone_history import ancestry_of, tips_of
from release.app.obtain.check_places import SessionCheckPlaces
from release.app.session import Session
from release.build.auto import Choice
from release.control import Cancel
from release.effects.ahead import Ahead
from release.effects.assemble import Assembly
from release.effects.attest import Attestations
from release.effects.check import LogCheck, PushCheck, TargetCheck
from release.effects.content import Content
from release.effects.held_now import HeldNow
from release.effects.image_checks import CheckPlaces, ImageChecks
from release.effects.local_store import ContentStore, Sources
from release.effects.obtain import Build, BuilderCheck, Find
from release.effects.record import Records
from release.effects.referrers import Referrers
from release.effects.retention.delete import ManifestDeletions, TagDeletions
from release.effects.retention.listing import Listings
from release.effects.retention.restore import RestoredManifests
from release.effects.retention.save import SavedManifests, Vault
from release.effects.retention.settle import PruneEnds
from release.effects.set_tag import Names
from release.effects.tag_reader import TagReader
from release.effects.tags import FixedTags, MovingTags
from release.effects.version_status import VersionStatuses
from release.effects.watch import GitBranches, ReleaseSource, Watcher
from release.errors import ReleaseError
from release.events import Sink
from release.handler import Handler, Handlers, Look, acting, checking
from release.log import LogWriter
from release.oci import Registries, Repository
from release.plan.model import Bindings, Free, Step
from release.ports import Process

#: Step kinds that `preview --offline` observes, since they need no connection. (`build-image` reads the local store,
#: `check-builder` the input that every builder reads.)
_LOCAL = frozenset({"check-log", "check-builder", "build-image", "record"})


class StepPorts(msgspec.Struct, frozen=True, kw_only=True):
    """The ports that handlers use. `branches`: reads git, for tags that follow a branch."""

    registries: Registries
    log: LogWriter
    store: ContentStore
    tags: TagReader
    branches: GitBranches
    sink: Sink
    cancel: Cancel
    process: Process
    places: CheckPlaces
    root: str
    env: Mapping[str, str]


def ports_of(session: Session) -> StepPorts:
    """The session's ports for handlers."""
    return StepPorts(
        registries=session.registries,
        log=session.log,
        store=session.store,
        tags=session.tags,
        branches=GitBranches(ancestry_of(session), tips_of(session)),
        sink=session.sink,
        cancel=session.cancel,
        process=session.process,
        places=SessionCheckPlaces(session),
        root=session.root,
        env=session.settings.env,
    )


def handlers(
    ports: StepPorts,
    releases: ReleaseSource,
    *,
    context: Mapping[str, Any],
    builds: Mapping[str, Choice | ReleaseError],
    supplied: Repository | None = None,
    ahead: Mapping[str, str] | None = None,
    listed: Mapping[str, Mapping[str, str]] | None = None,
) -> Handlers:
    """Maps each step kind to its handler. `releases`: gives the releases that count when a moving tag moves.

    `context`: members that every record of this run gets. `builds`: by component, its prepared build, or the error that
    says why there is none.
    `supplied`: the image that `run --from` was given. `ahead`: as `targets_ahead` gives it; None: no layer is sent
    before its image is built. `listed`: for a prune, the tags of each repository as its plan found them.
    """
    registries, tags, log = ports.registries, ports.tags, ports.log
    sink, cancel = ports.sink, ports.cancel
    sources = Sources(registries, ports.store, supplied=supplied)
    watcher = Watcher(registries, tags, releases, ports.branches)
    return {
        "check-log": checking(LogCheck(log)),
        "check-builder": checking(BuilderCheck(builds)),
        "check-target": checking(TargetCheck(registries, tags)),
        "check-push": acting(PushCheck(registries)),
        "build-image": acting(
            Build(
                builds,
                sources,
                tags,
                sink,
                cancel=cancel,
                ahead=Ahead(targets=ahead or {}, registries=registries, cancel=cancel),
            )
        ),
        "find-image": checking(Find(sources)),
        "assemble": acting(Assembly(sources, sink=sink, cancel=cancel)),
        "check-image": acting(
            ImageChecks(ports.process, sources, ports.places, sink, root=ports.root, env=ports.env)
        ),
        "push-content": acting(Content(sources, tags, sink=sink, cancel=cancel)),
        "copy-referrers": acting(Referrers(registries, sink=sink, cancel=cancel)),
        "put-tag": acting(FixedTags(registries, tags)),
        "move-tag": acting(MovingTags(registries, tags, watcher)),
        "set-tag": acting(Names(registries, tags)),
        "put-status": acting(VersionStatuses(registries, cancel=cancel)),
        "record": acting(Records(log, context, HeldNow(registries, tags))),
        "attest": acting(Attestations(registries, log, cancel=cancel)),
        **_of_prunes(ports, context, Listings(listed)),
    }


def _of_prunes(ports: StepPorts, context: Mapping[str, Any], listings: Listings) -> Handlers:
    """The handlers of prunes, and of taking them back."""
    registries, log, sink, cancel = ports.registries, ports.log, ports.sink, ports.cancel
    vault = Vault(log)
    tags = TagDeletions(registries, listings, sink=sink, cancel=cancel)
    return {
        "save-manifests": acting(SavedManifests(registries, log, context, cancel=cancel)),
        "delete-manifest": acting(ManifestDeletions(registries, vault, listings, sink=sink, cancel=cancel)),
        "delete-tag": acting(tags),
        "settle-prune": acting(PruneEnds(registries, vault, listings, tags, sink=sink, cancel=cancel)),
        "restore-manifest": acting(RestoredManifests(registries, vault)),
    }


def offline(table: Handlers) -> Handlers:
    """The handlers for a survey without connections: steps that would read a registry are shown as free, unobserved."""
    return {kind: handler if kind in _LOCAL else _unasked(handler) for kind, handler in table.items()}


def _unasked(handler: Handler) -> Handler:
    def look(step: Step, bound: Bindings) -> Look:
        del bound
        return Look(step=step, judgement=Free(reason=f"{handler.describe(step)} (registry not asked)"))

    return Handler(describe=handler.describe, look=look)
