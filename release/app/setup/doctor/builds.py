"""Asks the builders at hand whether they can build each component."""

from __future__ import annotations

from release.app.obtain.build_tasks import outputs_of
from release.app.obtain.builds import prepare_one
from release.app.session import Session
from release.app.setup.doctor.attempts import attempt
from release.app.setup.doctor.scene import Broken, Build
from release.build import BuildTask, BuildValues
from release.build.auto import Choice
from release.config.component import Component
from release.config.variables import names_in
from release.errors import ReleaseError


def builds_of(session: Session) -> tuple[Build, ...]:
    """For each component, the builder that a release would take, or why there is none."""
    return tuple(_build(session, component) for component in session.config.components)


def _build(session: Session, component: Component) -> Build:
    spec = component.build
    shown = f"`{spec.dockerfile}` in `{spec.context}`"
    found = attempt(lambda: _prepared(session, component))
    return Build(
        component=component.name,
        shown=shown,
        builder=None if isinstance(found, Broken) else found,
        platforms=spec.platforms,
        problem=found if isinstance(found, Broken) else None,
    )


def _prepared(session: Session, component: Component) -> str:
    """The name of the builder that can build the component. Raises the error of the build."""
    # Arguments with expressions are filled by a release only; a literal one may choose the base image.
    args = {
        name: "" if "{{" in text or names_in(text) else text for name, text in component.build.args.items()
    }
    task = BuildTask(
        spec=component.build,
        root=session.root,
        outputs=outputs_of(session.config),
        own_dockerfile=session.config.has_components,
    )
    answer: Choice | ReleaseError = prepare_one(session.ports.builders(session), task, BuildValues(args=args))
    if not isinstance(answer, Choice):
        raise answer
    answer.prepared.close()
    return answer.prepared.builder
