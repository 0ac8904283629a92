"""Finds the number of a rebuild of a released commit, for `run --rebuild`."""

from __future__ import annotations

from collections.abc import Sequence

from release.app.releases.decide import rules_of
from release.app.releases.known import project_of
from release.app.session import Session
from release.config.component import Component
from release.errors import GitError, RefusedError, RegistryError
from release.oci import Repository
from release.plan.release_key import name_of, release_key
from release.ref_names import require_git_tag
from release.tagging.model import Decision
from release.tagging.names import is_image_tag


def require_checked_out(decision: Decision, named: str | None) -> None:
    """Raise `GitError` if `--rebuild NAME` names another release than HEAD's, `ConfigError` if NAME cannot be a tag."""
    if named:
        require_git_tag("--rebuild", named)
    own = {decision.git_tag, decision.version, f"v{decision.version}"}
    if named and named not in own:
        version = named.rpartition("_r")[0]
        raise GitError(
            f"`--rebuild {named}` does not name the release of commit {decision.commit[:12]}, which is checked out",
            hint=f"name the version, of which this makes the next build: `--rebuild {version}`"
            if version in own
            else f"`git checkout {named}` first: an image is built from what is checked out",
        )


def rebuild_number(
    session: Session, component: Component, decision: Decision, repositories: Sequence[Repository]
) -> int:
    """The number n of the rebuild's tag suffix `_rn`: the lowest that no finished rebuild has.

    `decision`: of the original release. `repositories`: the component's targets, in their order. Raises `RefusedError`
    if the original release does not exist.
    """
    primary = name_of(decision)
    if not _is_taken(session, component, decision, primary, repositories):
        raise RefusedError(
            f"`{primary}` was never released, so there is nothing to rebuild",
            hint="release it with `shipmark run`",
        )
    return _lowest(session, component, decision, repositories)


def scheduled_rebuild(
    session: Session, component: Component, decision: Decision, repositories: Sequence[Repository]
) -> int:
    """The number of the rebuild that a `type=schedule` rule with `rebuild=true` asks for in a scheduled run.

    0 if no rule asks for one, or if the commit was not built yet.
    """
    if session.ci.event != "schedule" or component.section.tags == "default" or not decision.tags:
        return 0
    rules = rules_of(component)[0]
    if not any(rule.type == "schedule" and rule.text("rebuild") == "true" for rule in rules):
        return 0
    if not _is_taken(session, component, decision, name_of(decision), repositories):
        return 0
    return _lowest(session, component, decision, repositories)


def _lowest(
    session: Session, component: Component, decision: Decision, repositories: Sequence[Repository]
) -> int:
    number = 1
    while _is_taken(session, component, decision, f"{name_of(decision)}_r{number}", repositories):
        number += 1
    return number


def _is_taken(
    session: Session, component: Component, decision: Decision, tag: str, repositories: Sequence[Repository]
) -> bool:
    project = project_of(session, component)
    state = session.log_state.release(release_key(project, decision.commit, tag))
    # Without an attempt the log knows the release only from a rollback, which moved tags to its image.
    if state is not None and (state.attempts or state.finished):
        return state.finished
    # Without a fixed tag the name is a list, which only the log knows. An offline preview has no repositories.
    places = zip(repositories, component.targets, strict=False)
    return is_image_tag(tag) and any(
        _holds(repository, tag, required=target.required) for repository, target in places
    )


def _holds(repository: Repository, tag: str, *, required: bool) -> bool:
    try:
        return repository.resolve(tag) is not None
    except RegistryError:
        if required:
            raise
        return False  # an optional target that does not answer stops no release
