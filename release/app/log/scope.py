"""Decides which part of the log a command reads: the workspace's project, unless options name other projects."""

from __future__ import annotations

from release.app.config_file import components_named
from release.app.releases.known import projects_of
from release.app.session import Session
from release.log.answers.scope import Scope
from release.oci.reference import repository_name


def scope_of(session: Session, *, project: str | None = None, all_projects: bool = False) -> Scope:
    """The scope of a question.

    Without `project` and `all_projects` it is the workspace's own: the projects of the config's components, or of the
    one that `--component` names. A workspace without an image and without `project:` belongs to no project, and asks
    about all. Raises `ConfigError` for a component that neither the config nor the log has.
    """
    settings = session.settings
    named = (settings.component,) if settings.component is not None else settings.components
    components = frozenset(named) or None
    if components is not None:
        _require_known(session, components)
    if all_projects:
        return Scope(components=components)
    if project is not None:
        return Scope(projects=frozenset({project}), components=components)
    configured = [one for one in session.config.components if components is None or one.name in components]
    config = session.config
    own = [one for one in configured or config.components if one.targets or config.project]
    if not own:
        return Scope(components=components)
    return Scope(
        projects=frozenset(name for one in own for name in projects_of(session, one)),
        # An option names the image in short: `--image acme/app` for `ghcr.io/acme/app`.
        images=settings.images if config.project is None else (),
        components=components,
        targets=frozenset(repository_name(one.image) for of in own for one in of.targets),
    )


def _require_known(session: Session, names: frozenset[str]) -> None:
    """Raise `ConfigError` for a component that neither the config nor the log has: no answer would be about it.

    The log is read for names that the config lacks. It remembers components that were renamed or removed.
    """
    configured = [one.name for one in session.config.components]
    if not names <= set(configured):
        recorded = {one.component for one in session.log_state.whole.releases.values()}
        components_named(session.config.components, sorted(names - recorded))
