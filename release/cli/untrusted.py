"""`preview` and `run` for a workspace that an outsider may have written: they only decide, and check the build.

Nothing is released or recorded, no credential is used, and nothing is written except the job's summary and the file of
`--result-file`. The version log, the git remote and the config's builder are not used.
"""

from __future__ import annotations

import msgspec

from release import __version__
from release.app.obtain.builds import contexts_of, outputs_of
from release.app.releases.decide import Situation, decide_component
from release.app.releases.known import known_everywhere, project_of
from release.app.releases.results import Schema, run_report
from release.app.session import Session, policy_of
from release.build import Builder, BuildTask, BuildValues, Problem
from release.build.buildkit.builder import BuildKitBuilder
from release.build.docker import DockerBuilder
from release.build.embedded.builder import LayersBuilder
from release.build.embedded.located_bases import LocatedBases
from release.cli.output.ci_outputs import outputs_of_report, publish, summary_of
from release.cli.output.stdout import data, document
from release.cli.output.text import decision_lines
from release.config.load import Component
from release.events import Note
from release.plan.model import Bindings, Plan, Release
from release.plan.release import PHASES, release_key
from release.process import Processes
from release.runner import Report
from release.tagging.model import Decision, FixedTag, Withheld
from release.tagging.withholding import withhold_all


def preview(session: Session, *, offline: bool, as_json: bool, result_file: str | None) -> int:
    """Print the decision with all tags withheld, and whether the image could be built; return the exit code.

    Raises `BuildError` for faults in the Dockerfile or the context, which the author of the pull request can fix.
    """
    report = _report(session, offline=offline)
    builds = [_build_line(session, component, offline=offline) for component in session.components]
    _finish(session, report, "shipmark.preview/1", result_file, as_json=as_json)
    if not as_json:
        lines = [line for release in report.plan.releases for line in [*decision_lines(release.decision), ""]]
        data(*lines, *builds, "", _summary(session))
    return 0


def run(session: Session, *, as_json: bool, result_file: str | None) -> int:
    """Release nothing, print one line that says so, and return the exit code."""
    session.sink.emit(Note(level="warning", text=_summary(session)))
    _finish(session, _report(session, offline=True), "shipmark.run/1", result_file, as_json=as_json)
    return 0


def _summary(session: Session) -> str:
    return f"nothing is released: this run is not trusted, because {session.trust.reason}"


def _finish(
    session: Session, report: Report, schema: Schema, result_file: str | None, *, as_json: bool
) -> None:
    told = run_report(schema, report)
    outputs = outputs_of_report(told)
    # GITHUB_OUTPUT is not written: later steps may have credentials, and must not get names that an outsider chose.
    publish(session, outputs, result_file, summary=summary_of(told, outputs), output_file=False)
    if as_json:
        trust = {"verdict": session.trust.verdict, "reason": session.trust.reason}
        document({**msgspec.to_builtins(told), "trust": trust})


def _report(session: Session, *, offline: bool) -> Report:
    """A plan without steps."""
    releases = tuple(_release(session, component, offline=offline) for component in session.components)
    plan = Plan(purpose="release", releases=releases, phases=PHASES, steps=())
    return Report(plan=plan, outcomes=(), bindings=Bindings())


def _release(session: Session, component: Component, *, offline: bool) -> Release:
    policy = policy_of(component)
    facts = session.facts(policy)
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


def _build_line(session: Session, component: Component, *, offline: bool) -> str:
    """A line that says whether the image can be built here. Raises `BuildError` for a bad Dockerfile or context."""
    # All build arguments are empty, so that no environment variable reaches the builder.
    values = BuildValues(args=dict.fromkeys(component.build.args, ""))
    # With a named Docker context, Docker's config file is not read for the current one; that file has credentials,
    # too.
    env = {**session.settings.env, "DOCKER_CONTEXT": session.settings.env.get("DOCKER_CONTEXT") or "default"}
    # Base images are read without a credential: the session of such a run has none.
    bases = None if offline else LocatedBases(session, daemon=False)
    contexts = contexts_of(session)
    layers = LayersBuilder(
        sink=session.sink, cancel=session.cancel, version=__version__, bases=bases, contexts=contexts
    )
    docker = DockerBuilder(env, sink=session.sink, cancel=session.cancel, anonymous=True, contexts=contexts)
    shown = f"`{component.build.dockerfile}` in `{component.build.context}`"
    task = BuildTask(spec=component.build, root=session.root, outputs=outputs_of(session.config))
    reasons = {}
    buildkit = BuildKitBuilder(
        env,
        process=Processes(session.cancel),
        sink=session.sink,
        cancel=session.cancel,
        anonymous=True,
        contexts=contexts,
    )
    order: tuple[Builder, ...] = (layers, docker, buildkit)
    for builder in order:
        answer = builder.prepare(task, values)
        if not isinstance(answer, Problem):
            answer.close()
            return f"= build {component.name}: {shown} can be built here with `{builder.name}`"
        if answer.kind == "input":
            raise answer.error()
        reasons[builder.name] = answer.reason
    said = "; ".join(f"`{name}`: {reason}" for name, reason in sorted(reasons.items()))
    return f"? build {component.name}: {shown} cannot be built here: {said}"
