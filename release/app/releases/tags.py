"""The image tags of the checked-out commit, from git and a local version log, without a connection."""

from __future__ import annotations

import msgspec

from release.app.component_policy import policy_of
from release.app.releases.decide import Situation, decide_component
from release.app.releases.known import known_locally
from release.app.releases.log_base import with_log_base
from release.app.report import DecisionReport, decision_report
from release.app.session import Session
from release.errors import ConfigError
from release.tagging.model import Decision


class TagsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the tags of one component. `component`: None for the workspace's only component."""

    component: str | None = None


def tags(workspace: Session, request: TagsRequest) -> DecisionReport:
    """The version and tags of one component. Raises `ConfigError` if none of several components is named."""
    return decision_report(decide_locally(workspace, request.component))


def decide_locally(workspace: Session, name: str | None, *, labelled: bool = True) -> Decision:
    """Decide version and tags of one component without a connection, from git and a log file.

    `name`: of the component; None for the one of `--component`, or the only one of the configuration. `labelled`: False
    leaves out the label `dev.shipmark.inputs`: loading the library that hashes takes longer than deciding.

    The planner also reads registries, the git remote and other logs, so its decision may withhold more tags.
    """
    return decide_component(workspace, situation_locally(workspace, name), labelled=labelled)


def situation_locally(workspace: Session, name: str | None) -> Situation:
    """The inputs of the decision for one component that are known without a connection.

    `name`: as `decide_locally`. Raises `ConfigError` if it names no single component.
    """
    chosen = workspace.components_named(name)
    if len(chosen) > 1:
        names = ", ".join(component.name for component in chosen)
        raise ConfigError(f"there are several components: {names}", hint="choose one with `--component NAME`")
    component = chosen[0]
    policy = policy_of(component)
    known = known_locally(workspace, component, policy, summary=True)
    facts = with_log_base(workspace, workspace.git.facts(policy), known, policy)
    return Situation(component=component, policy=policy, facts=facts, known=known)
