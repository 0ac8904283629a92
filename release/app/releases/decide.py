"""Decides the version and tags of one component, by the default scheme or by the rules in its `tags:`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from release.app.releases.concerned import only_released
from release.app.releases.request import RunRequest
from release.config.component import Component
from release.errors import ConfigError
from release.facts import Facts
from release.tagging.decide import decide
from release.tagging.labels import INPUTS
from release.tagging.model import Decision, HeldTags, KnownReleases, TagPolicy, tags_for

if TYPE_CHECKING:
    from release.app.session import Session
    from release.tagging.rules.model import Flavor, Rule


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs of a component's decision. `held`: what the tags hold on the targets; None if they were not read."""

    component: Component
    policy: TagPolicy
    facts: Facts
    known: KnownReleases
    held: HeldTags | None = None
    request: RunRequest = RunRequest()


def decide_component(session: Session, situation: Situation, *, labelled: bool = True) -> Decision:
    """The decision for a component, with the label `dev.shipmark.inputs`. Raises `ConfigError` for an invalid rule.

    Runs git only if a rule counts commits. `labelled`: False leaves that label out, which is a hash.
    """
    component = situation.component
    decision = decide_alone(session, situation)
    if situation.request.version is None:
        decision = only_released(session, component, situation.facts, decision)
    from release.plan.inputs import inputs_label, require_inputs

    if not labelled:
        require_inputs(component.build, pairs(component.section.labels))
        return decision
    label = inputs_label(component.build, pairs(component.section.labels))
    return msgspec.structs.replace(decision, labels={**decision.labels, INPUTS: label})


def decide_alone(session: Session, situation: Situation) -> Decision:
    """The decision for a component as if it were the only one, without the label `dev.shipmark.inputs`."""
    targets = situation.component.targets
    by_default = situation.component.section.tags == "default"
    decision = _by_default(session, situation) if by_default else _by_rules(session, situation)
    if all(target.moving for target in targets):
        return decision
    references = tuple(
        f"{target.image}:{tag.name}"
        for target in targets
        for tag in tags_for(decision.tags, moving=target.moving)
    )
    return msgspec.structs.replace(decision, references=references)


def _by_default(session: Session, situation: Situation) -> Decision:
    component, facts, policy = situation.component, situation.facts, situation.policy
    section = component.section
    if section.flavor:
        raise ConfigError(
            "`flavor` applies to the rules in `tags:`, and there are none", hint="write rules in `tags:`"
        )
    labels, annotations = pairs(section.labels), pairs(section.annotations, "annotations")
    decision = decide(
        facts,
        policy,
        situation.known,
        component=component.name,
        held=situation.held,
        version=situation.request.version,
        asked=situation.request.asked_tag,
        rebuild=situation.request.rebuild,
        repositories=tuple(target.image for target in component.targets),
        labels=labels,
        annotations=annotations,
        allow_backward=situation.request.allow_backward,
    )
    if not any("{{" in text for text in (*labels.values(), *annotations.values())):
        return decision
    from release.tagging.rules.decision import with_labels
    from release.tagging.rules.variables import environment, require_variables_in

    env = environment(_variables(session))
    require_variables_in({"labels": labels, "annotations": annotations}, env)
    count = session.git.commit_count if _counts(labels, annotations) else None
    return with_labels(
        decision, facts, policy, labels=labels, annotations=annotations, env=env, commit_count=count
    )


def _counts(*pairs: Mapping[str, str]) -> bool:
    """Whether a label or annotation uses `{{commit_count}}`; else commits are not counted, which takes a walk."""
    return any("commit_count" in text for one in pairs for text in one.values())


def _variables(session: Session) -> Mapping[str, str]:
    """The variables that `{{env.NAME}}` may use."""
    return session.settings.env if session.public is None else session.public


def _by_rules(session: Session, situation: Situation) -> Decision:
    from release.tagging.rules.decision import rules_decision
    from release.tagging.rules.evaluate import names_read
    from release.tagging.rules.variables import environment, require_variables

    component, facts, policy = situation.component, situation.facts, situation.policy
    section = component.section
    rules, flavor, warnings = rules_of(component)
    env = environment(_variables(session))
    named = {"labels": pairs(section.labels), "annotations": pairs(section.annotations, "annotations")}
    require_variables(rules, flavor, named, env)
    counts = "commit_count" in names_read(rules, flavor) or _counts(*named.values())
    decision = rules_decision(
        facts,
        policy,
        situation.known,
        rules=rules,
        flavor=flavor,
        component=component.name,
        held=situation.held,
        version=situation.request.version,
        asked=situation.request.asked_tag,
        rebuild=situation.request.rebuild,
        repositories=tuple(target.image for target in component.targets),
        labels=named["labels"],
        annotations=named["annotations"],
        allow_backward=situation.request.allow_backward,
        commit_count=session.git.commit_count if counts else None,
        env=env,
    )
    return msgspec.structs.replace(decision, warnings=(*warnings, *decision.warnings))


def rules_of(component: Component) -> tuple[tuple[Rule, ...], Flavor, tuple[str, ...]]:
    """The tag rules and the flavor of a component that has rules in `tags:`, and warnings about the flavor."""
    from release.tagging.rules.images import flavor_from_config
    from release.tagging.rules.parse import rules_from_config

    rules = rules_from_config(component.section.tags, places=component.tag_places)
    flavor, warnings = flavor_from_config(component.section.flavor, place=component.flavor_place)
    return rules, flavor, warnings


def pairs(given: str | dict[str, str] | tuple[str, ...], section: str = "labels") -> dict[str, str]:
    """Labels or annotations as a mapping, whether they were given as a mapping or as lines `name=text`.

    Lines are read as in `shipmark metadata`: quotes around a whole line are not a part of it. `section`: the key's
    name, for messages. Raises `ConfigError` for a quote that is never closed.
    """
    if isinstance(given, dict):
        return given
    if not given:
        return {}
    # Imported late: most configs have a mapping, or none.
    from release.tagging.rules.listing import parse_items

    blocks = (given,) if isinstance(given, str) else given
    entries = [item.text.partition("=") for block in blocks for item in parse_items(block, source=section)]
    return {name.strip(): text.strip() for name, _, text in entries}
