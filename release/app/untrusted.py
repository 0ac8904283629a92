"""`preview` and `run` for a workspace that an outsider may have written: they only decide; `preview` checks the build.

Nothing is released or recorded, and no credential is used. The version log, the git remote and the config's builder are
not used.
"""

from __future__ import annotations

import msgspec

from release import __version__
from release.app.component_policy import policy_of
from release.app.obtain.build_tasks import outputs_of
from release.app.obtain.builds import contexts_of
from release.app.releases.decide import Situation, decide_component
from release.app.releases.known import project_of
from release.app.releases.known_everywhere import known_everywhere
from release.app.releases.results import RunReport, Schema, run_report
from release.app.session import Session
from release.build import Builder, BuildTask, BuildValues, Problem
from release.build.auto import anonymous_builders
from release.build.embedded.located_bases import LocatedBases
from release.config.component import Component
from release.events import Note
from release.plan.model import Bindings, Plan, Release
from release.plan.outcome import Report
from release.plan.release import PHASES
from release.plan.release_key import release_key
from release.programs.processes import Processes
from release.tagging.model import Decision, FixedTag, Withheld
from release.tagging.withholding import withhold_all


class BuildCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the image of one component can be built here. `shown`: the Dockerfile and the context, for messages.

    `builder`: the first builder that can build the image; None if no builder can. `problems`: name and reason of each
    builder that cannot.
    """

    component: str
    shown: str
    builder: str | None
    problems: tuple[tuple[str, str], ...] = ()


class UntrustedResult(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of a run that is not trusted, all tags withheld. `reason`: why the run is not trusted.

    `builds`: one check for each component in a preview; empty for `run`.
    """

    report: RunReport
    decisions: tuple[Decision, ...]
    reason: str
    builds: tuple[BuildCheck, ...] = ()


def preview_untrusted(session: Session, *, offline: bool) -> UntrustedResult:
    """Decide with all tags withheld, and check whether each image could be built.

    Raises `BuildError` for faults in the Dockerfile or the context, which the author of the pull request can mend.
    """
    result = _result(session, "shipmark.preview/1", offline=offline)
    builds = tuple(_check(session, component, offline=offline) for component in session.components)
    return msgspec.structs.replace(result, builds=builds)


def run_untrusted(session: Session) -> UntrustedResult:
    """Decide with all tags withheld, without a connection; release nothing."""
    return _result(session, "shipmark.run/1", offline=True)


def _result(session: Session, schema: Schema, *, offline: bool) -> UntrustedResult:
    """Decide for every component with all tags withheld; the report is that of a plan without steps.

    `offline`: no registry is asked.
    """
    releases = tuple(_release(session, component, offline=offline) for component in session.components)
    plan = Plan(purpose="release", releases=releases, phases=PHASES, steps=())
    return UntrustedResult(
        report=run_report(schema, Report(plan=plan, outcomes=(), bindings=Bindings())),
        decisions=tuple(release.decision for release in releases),
        reason=session.trust.reason,
    )


def _release(session: Session, component: Component, *, offline: bool) -> Release:
    policy = policy_of(component)
    facts = session.git.facts(policy)
    names = [] if offline else [target.image for target in component.targets if target.moving]
    known = known_everywhere(session, component, policy, [session.registries.open(name) for name in names])
    made = decide_component(session, Situation(component=component, policy=policy, facts=facts, known=known))
    for text in made.warnings:
        session.sink.emit(Note(level="warning", text=text))
    project = project_of(session, component) if component.targets else component.name
    return Release(
        component=component.name,
        project=project,
        key=release_key(project, made.commit, _primary(made)),
        inputs={},
        decision=withhold_all(made, f"this run is not trusted: {session.trust.reason}"),
    )


def _primary(decision: Decision) -> str:
    names: tuple[FixedTag | Withheld, ...] = (
        *(tag for tag in decision.tags if isinstance(tag, FixedTag)),
        *decision.withheld,
    )
    return names[0].name if names else ""


def _check(session: Session, component: Component, *, offline: bool) -> BuildCheck:
    """Call `prepare` of each builder until one can build the image.

    Raises `BuildError` for input that no builder accepts.
    """
    # All build arguments are empty, so that no environment variable reaches the builder.
    values = BuildValues(args=dict.fromkeys(component.build.args, ""))
    task = BuildTask(
        spec=component.build,
        root=session.root,
        outputs=outputs_of(session.config),
        own_dockerfile=session.config.has_components,
    )
    shown = f"`{component.build.dockerfile}` in `{component.build.context}`"
    problems: list[tuple[str, str]] = []
    for builder in _builders(session, offline=offline):
        answer = builder.prepare(task, values)
        if not isinstance(answer, Problem):
            answer.close()
            return BuildCheck(component=component.name, shown=shown, builder=builder.name)
        if answer.kind == "input":
            raise answer.error()
        problems.append((builder.name, answer.reason))
    return BuildCheck(component=component.name, shown=shown, builder=None, problems=tuple(sorted(problems)))


def _builders(session: Session, *, offline: bool) -> tuple[Builder, ...]:
    # With a named Docker context, Docker's config file is not read for the current one; that file has credentials,
    # too.
    env = {**session.settings.env, "DOCKER_CONTEXT": session.settings.env.get("DOCKER_CONTEXT") or "default"}
    return anonymous_builders(
        env,
        process=Processes(session.cancel),
        sink=session.sink,
        cancel=session.cancel,
        version=__version__,
        # Base images are read without a credential: the session of such a run has none.
        bases=None if offline else LocatedBases(session, daemon=False),
        contexts=contexts_of(session),
    )
