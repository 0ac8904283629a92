"""One table of all step kinds: what `run`, `preview`, `promote` and `rollback` carry plans out with.

A new kind is a row here; its operands are in `plan.operands`, its step in `plan.steps`, its handler in `effects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.app.session import Session
from release.build.auto import Choice
from release.control import Cancel
from release.effects.attest import Attestations
from release.effects.check import LogCheck, PushCheck, TargetCheck
from release.effects.content import Content
from release.effects.local_store import ContentStore, Sources
from release.effects.obtain import Build, BuilderCheck, Find
from release.effects.record import Records
from release.effects.referrers import Referrers
from release.effects.set_tag import Names
from release.effects.tag_reader import TagReader
from release.effects.tags import FixedTags, MovingTags
from release.effects.watch import GitBranches, ReleaseSource, Watcher
from release.errors import ReleaseError
from release.events import Sink
from release.handler import Handler, Handlers, Look, acting, checking
from release.log import LogWriter
from release.oci import Registries
from release.plan.model import Bindings, Free, Step

#: What `preview --offline` can observe without a connection. (`build-image` looks into the local store.)
_LOCAL = frozenset({"check-log", "build-image", "record"})


class StepPorts(msgspec.Struct, frozen=True, kw_only=True):
    """The ports that steps use. `branches`: git, for moving tags of branches."""

    registries: Registries
    log: LogWriter
    store: ContentStore
    tags: TagReader
    branches: GitBranches
    sink: Sink
    cancel: Cancel


def ports_of(session: Session) -> StepPorts:
    """The ports as this machine has them."""
    return StepPorts(
        registries=session.registries,
        log=session.log,
        store=session.store,
        tags=session.tags,
        branches=GitBranches(session.process, session.root, session.settings.env),
        sink=session.sink,
        cancel=session.cancel,
    )


def handlers(
    ports: StepPorts,
    releases: ReleaseSource,
    *,
    context: Mapping[str, Any],
    builds: Mapping[str, Choice | ReleaseError],
) -> Handlers:
    """Step kind -> handler. `releases`: what counts for moving tags.

    `context`: what every record of this run says besides. `builds`: what was prepared to be built, by component.
    """
    registries, tags, log = ports.registries, ports.tags, ports.log
    sink, cancel = ports.sink, ports.cancel
    sources = Sources(registries, ports.store)
    watcher = Watcher(registries, tags, releases, ports.branches)
    return {
        "check-log": checking(LogCheck(log)),
        "check-builder": checking(BuilderCheck(builds)),
        "check-target": checking(TargetCheck(registries, tags)),
        "check-push": acting(PushCheck(registries)),
        "build-image": acting(Build(builds, ports.store, tags, sink)),
        "find-image": checking(Find(sources)),
        "push-content": acting(Content(sources, sink=sink, cancel=cancel)),
        "copy-referrers": acting(Referrers(registries, sink=sink, cancel=cancel)),
        "put-tag": acting(FixedTags(registries, tags)),
        "move-tag": acting(MovingTags(registries, watcher)),
        "set-tag": acting(Names(registries, tags)),
        "record": acting(Records(log, context)),
        "attest": acting(Attestations(registries, log, cancel=cancel)),
    }


def offline(table: Handlers) -> Handlers:
    """The table for a survey without connections: what would ask a registry is shown as still to be asked."""
    return {kind: handler if kind in _LOCAL else _unasked(handler) for kind, handler in table.items()}


def _unasked(handler: Handler) -> Handler:
    def look(step: Step, bound: Bindings) -> Look:
        del bound
        return Look(step=step, judgement=Free(reason=f"{handler.describe(step)} (registry not asked)"))

    return Handler(describe=handler.describe, look=look)
