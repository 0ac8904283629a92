"""Puts a run together: the world, and one handler for each step kind."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from release import __version__, git
from release.app.cache import store_path
from release.app.releases.known import known_everywhere
from release.app.session import Session, policy_of
from release.build.auto import builders
from release.config.load import Component
from release.config.variables import expand
from release.control import Cancel
from release.effects.attest import Attestations
from release.effects.check import LogCheck, PushCheck, TargetCheck
from release.effects.content import Content
from release.effects.obtain import Build, BuilderCheck, Find
from release.effects.record import Records
from release.effects.tag_reader import read_tag
from release.effects.tags import FixedTags, MovingTags, TagObservation
from release.errors import Interrupted
from release.handler import Handler, World
from release.plan.model import Step
from release.plan.operands import MoveTag
from release.plan.release_input import ReleaseInput
from release.tagging.version_text import fill_names

# Seconds that the last record may take: a run that was told to stop has five for everything.
_AFTER_A_SIGNAL = 1.5
_AFTER_A_FAILURE = 10.0


def world_of(session: Session) -> World:
    """Every port, bound to this machine."""
    return World(
        process=session.process,
        registries=session.registries,
        builders=builders(
            session.settings.env, sink=session.sink, cancel=session.cancel, version=__version__
        ),
        log=session.log,
        clock=session.clock,
        entropy=session.entropy,
        sink=session.sink,
        cancel=session.cancel,
        deadline=session.deadline(),
        root=session.root,
        store=store_path(session),
        env=session.settings.env,
    )


def handlers_of(
    session: Session, subjects: Sequence[ReleaseInput], context: Mapping[str, Any]
) -> dict[str, Handler]:
    """Step kind -> handler. `context`: what every record of this run says besides."""
    arguments = {subject.component: arguments_of(session, subject) for subject in subjects}
    return {
        "check-log": LogCheck(),
        "check-builder": BuilderCheck(arguments),
        "check-target": TargetCheck(),
        "check-push": PushCheck(),
        "build-image": Build(arguments),
        "find-image": Find(),
        "push-content": Content(),
        "put-tag": FixedTags(),
        "move-tag": MovingTags(watcher(session)),
        "record": Records(context),
        "attest": Attestations(),
    }


def arguments_of(session: Session, subject: ReleaseInput) -> dict[str, str]:
    """Build arguments with their values: `{{version}}` and `${NAME}` replaced. They go to the builder only."""
    component = _component(session, subject.component)
    decision = subject.decision
    names = {
        "version": decision.version or "",
        "commit": decision.commit,
        "sha": decision.commit[:12],
        "channel": decision.channel,
        "git_tag": decision.git_tag or "",
    }
    return {
        name: fill_names(expand(text, session.settings.env), names, source=f"build.args.{name}")
        for name, text in component.build.args.items()
    }


def watcher(session: Session) -> Any:
    """Reads a moving tag, and everything that may outrank it, at the moment it is asked."""

    def watch(step: Step, world: World) -> TagObservation:
        operands = cast(MoveTag, step.operands)
        component = _component(session, step.scope)
        policy = policy_of(component)
        repository = world.registries.open(operands.target)
        held = read_tag(repository, operands.target, operands.tag)
        if operands.line.kind == "release":
            known = known_everywhere(session.again(), component, policy, [repository])
            return TagObservation(held=held, known=known, branch_tip=None)
        root, env = session.root, session.settings.env
        if held.revision is not None:
            relation = git.relation(session.process, root, held.revision, operands.candidate.commit, env)
            held = msgspec.structs.replace(held, relation=relation)
        name = operands.line.name
        tip = git.remote_tip(session.process, root, name, env) if name is not None else None
        return TagObservation(
            held=held, known=known_everywhere(session, component, policy, []), branch_tip=tip
        )

    return watch


def record_context(session: Session, attempt: str) -> dict[str, Any]:
    """What every record of this run says: who runs, where, with what."""
    ci = session.ci
    run = {"system": ci.system, "run_id": ci.run.id, "run_attempt": ci.run.attempt, "run_url": ci.run.url}
    run |= {"job": ci.run.job, "event": ci.event_name}
    context: dict[str, Any] = {
        "attempt": attempt,
        "ci": {name: value for name, value in run.items() if value is not None},
        "tools": {"shipmark": __version__},
    }
    actor = ci.run.actor or session.settings.env.get("USER")
    if actor:
        context["actor"] = actor
    return context


def last_words(session: Session, facts: Sequence[dict[str, Any]]) -> None:
    """Append how the attempt ended, even after it was cancelled: with a `Cancel` of its own, which waits a while."""
    from release.app.log.open_log import open_log
    from release.process import Processes

    if not facts:
        return
    cancel = Cancel()
    seconds = _AFTER_A_SIGNAL if session.cancel.tripped else _AFTER_A_FAILURE
    late = Interrupted(f"the version log did not take it within {seconds:g} s")
    timer = threading.Timer(seconds, cancel.trip, (late,))
    timer.daemon = True
    timer.start()
    try:
        ground = msgspec.structs.replace(session.ground, cancel=cancel, process=Processes(cancel))
        log = open_log(session.config.log, ground, budget=seconds)
        log.append(facts)
    finally:
        timer.cancel()


def _component(session: Session, name: str) -> Component:
    return next(one for one in session.config.components if one.name == name)
