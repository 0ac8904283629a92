"""One table of all step kinds: what `run`, `preview`, `promote` and `rollback` carry plans out with.

A new kind is a row here; its operands are in `plan.operands`, its step in `plan.steps`, its handler in `effects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.app.session import Session
from release.build.auto import Choice
from release.effects.attest import Attestations
from release.effects.check import LogCheck, PushCheck, TargetCheck
from release.effects.content import Content
from release.effects.local_store import Sources
from release.effects.obtain import Build, BuilderCheck, Find
from release.effects.record import Records
from release.effects.referrers import Referrers
from release.effects.set_tag import Names
from release.effects.tags import FixedTags, MovingTags
from release.effects.watch import GitBranches, ReleaseSource, Watcher
from release.errors import ReleaseError
from release.handler import Handler, Handlers, Look, acting, checking
from release.plan.model import Bindings, Free, Step

#: What `preview --offline` can observe without a connection. (`build-image` looks into the local store.)
_LOCAL = frozenset({"check-log", "build-image", "record"})


def handlers(
    session: Session,
    releases: ReleaseSource,
    *,
    context: Mapping[str, Any],
    builds: Mapping[str, Choice | ReleaseError],
) -> Handlers:
    """Step kind -> handler. `releases`: what counts for moving tags.

    `context`: what every record of this run says besides. `builds`: what was prepared to be built, by component.
    """
    registries, tags, log = session.registries, session.tags, session.log
    sink, cancel = session.sink, session.cancel
    sources = Sources(registries, session.store)
    branches = GitBranches(session.process, session.root, session.settings.env)
    return {
        "check-log": checking(LogCheck(log)),
        "check-builder": checking(BuilderCheck(builds)),
        "check-target": checking(TargetCheck(registries, tags)),
        "check-push": acting(PushCheck(registries)),
        "build-image": acting(Build(builds, session.store, tags, sink)),
        "find-image": checking(Find(sources)),
        "push-content": acting(Content(sources, sink=sink, cancel=cancel)),
        "copy-referrers": acting(Referrers(registries, sink=sink, cancel=cancel)),
        "put-tag": acting(FixedTags(registries, tags)),
        "move-tag": acting(MovingTags(registries, Watcher(registries, tags, releases, branches))),
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
