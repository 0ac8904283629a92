"""One component's decision, by the default scheme or by the rules of its `tags:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from release.config.load import Component
from release.errors import ConfigError
from release.facts import Facts
from release.git.command import Git
from release.plan.inputs import inputs_label
from release.tagging.decide import decide
from release.tagging.labels import INPUTS
from release.tagging.model import Decision, HeldTags, KnownReleases, TagPolicy

if TYPE_CHECKING:
    from release.app.releases.request import RunRequest
    from release.app.session import Session
    from release.tagging.rules.model import Flavor, Rule


def decide_component(
    session: Session,
    component: Component,
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    held: HeldTags | None,
    wishes: RunRequest,
) -> Decision:
    """The decision for `component`, with the label of its inputs; git is asked only where a rule counts commits.

    Raises `ConfigError` for rules that are none.
    """
    decides = _by_default if component.section.tags == "default" else _by_rules
    decision = decides(session, component, facts, policy, known, held, wishes)
    label = inputs_label(component.build, pairs(component.section.labels))
    return msgspec.structs.replace(decision, labels={**decision.labels, INPUTS: label})


def _by_default(
    session: Session,
    component: Component,
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    held: HeldTags | None,
    wishes: RunRequest,
) -> Decision:
    del session
    section = component.section
    if section.flavor:
        raise ConfigError(
            "`flavor` changes the tags of rules, and there are none", hint="give rules in `tags:`"
        )
    labels, annotations = pairs(section.labels), pairs(section.annotations)
    decision = decide(
        facts,
        policy,
        known,
        component=component.name,
        held=held,
        version=wishes.version,
        rebuild=wishes.rebuild,
        repositories=tuple(target.image for target in component.targets),
        labels=labels,
        annotations=annotations,
        allow_backward=wishes.allow_backward,
    )
    if not any("{{" in text for text in (*labels.values(), *annotations.values())):
        return decision
    from release.tagging.rules.decision import with_labels

    return with_labels(decision, facts, policy, labels=labels, annotations=annotations)


def _by_rules(
    session: Session,
    component: Component,
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    held: HeldTags | None,
    wishes: RunRequest,
) -> Decision:
    from release.tagging.rules.decision import rules_decision
    from release.tagging.rules.evaluate import names_read

    section = component.section
    rules, flavor, warnings = rules_of(component)
    count = None
    if "commit_count" in names_read(rules, flavor) and not facts.snapshot.shallow:
        client = Git(session.process, facts.snapshot.root, session.settings.env)
        count = int(client.read("rev-list", "--count", "HEAD"))
    decision = rules_decision(
        facts,
        policy,
        known,
        rules=rules,
        flavor=flavor,
        component=component.name,
        held=held,
        version=wishes.version,
        rebuild=wishes.rebuild,
        repositories=tuple(target.image for target in component.targets),
        labels=pairs(section.labels),
        annotations=pairs(section.annotations),
        allow_backward=wishes.allow_backward,
        commit_count=count,
    )
    return msgspec.structs.replace(decision, warnings=(*warnings, *decision.warnings))


def rules_of(component: Component) -> tuple[tuple[Rule, ...], Flavor, tuple[str, ...]]:
    """The rules and the flavor of a component whose tags are not the default ones, and warnings."""
    from release.tagging.rules.images import flavor_from_config
    from release.tagging.rules.parse import rules_from_config

    rules = rules_from_config(component.section.tags, places=component.tag_places)
    flavor, warnings = flavor_from_config(component.section.flavor, place=component.flavor_place)
    return rules, flavor, warnings


def pairs(given: str | dict[str, str] | tuple[str, ...]) -> dict[str, str]:
    """Labels or annotations as a mapping; from lines `name=text` too."""
    if isinstance(given, dict):
        return given
    lines = given.splitlines() if isinstance(given, str) else given
    entries = [
        line.strip().partition("=") for line in lines if line.strip() and not line.strip().startswith("#")
    ]
    return {name.strip(): text.strip() for name, _, text in entries}
