"""The image tags of the checked-out commit, from git and a local version log, without a connection."""

from __future__ import annotations

import msgspec

from release.app.releases.decide import Situation, decide_component
from release.app.releases.known import known_locally
from release.app.report import DecisionReport, decision_report
from release.app.session import Session, policy_of
from release.errors import ConfigError
from release.tagging.model import Decision


class TagsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the tags of one component. `component`: None for the workspace's only component."""

    component: str | None = None


def tags(workspace: Session, request: TagsRequest) -> DecisionReport:
    """The version and tags of one component. Raises `ConfigError` if none of several components is named."""
    return decision_report(decide_locally(workspace, request.component))


def decide_locally(workspace: Session, name: str | None) -> Decision:
    """Decide version and tags of one component without a connection, from git and a log file.

    `name`: of the component; None for the one of `--component`, or the only one of the configuration.

    The planner also reads registries, the git remote and other logs, so its decision may withhold more tags.
    """
    chosen = workspace.components_named(name)
    if len(chosen) > 1:
        names = ", ".join(component.name for component in chosen)
        raise ConfigError(f"there are several components: {names}", hint="choose one with `--component NAME`")
    component = chosen[0]
    policy = policy_of(component)
    facts = workspace.facts(policy)
    known = known_locally(workspace, component, policy)
    return decide_component(
        workspace, Situation(component=component, policy=policy, facts=facts, known=known)
    )
