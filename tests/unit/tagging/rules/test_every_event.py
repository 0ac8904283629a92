"""Rules in `shipmark.yml` give the tags of `shipmark metadata` on every event of GitHub's documentation."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

from ci.systems import detect
from release.app.releases.known import from_git
from release.errors import ConfigError, GitError
from release.facts import reconcile
from release.git.model import Snapshot
from release.tagging.metadata import MetadataContext, evaluate, read_inputs
from release.tagging.model import TagPolicy
from release.tagging.rules.decision import rules_decision
from release.tagging.rules.github import github_run
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import rules_from_config
from release.tagging.rules.run import with_history
from tests.unit.tagging.rules.allowed_differences import REASONS
from tests.unit.tagging.rules.every_event import EVENTS, HEAD, RULES, Event, Outcome, reason_for

NOW = 1_795_900_000_000
POLICY = TagPolicy(pull_requests=True)


def situation(event: Event) -> tuple[dict[str, str], dict[str, Any], Snapshot]:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_EVENT_NAME": event.name,
        "GITHUB_REF": event.ref,
        "GITHUB_SHA": HEAD,
    }
    lines = [f"{commit} refs/tags/{name}\n" for name, commit in event.git_tags.items()]
    snapshot = Snapshot(
        root="/src",
        common_dir="/src/.git",
        head=HEAD,
        branch=None,
        committed_at=NOW // 1000 - 3600,
        tag_listing="".join(lines).encode(),
        commit_count=9,
    )
    return env, event.event_file, snapshot


def by_metadata(event: Event, rules: str, flavor: str) -> frozenset[str]:
    env, payload, snapshot = situation(event)
    run = with_history(github_run(env, payload, now=NOW, policy=POLICY), snapshot, policy=POLICY)
    inputs = read_inputs(tags=rules, flavor=flavor)
    return frozenset(evaluate(inputs, MetadataContext(run=run, known=from_git(snapshot))).tag_names)


def by_config(event: Event, rules: str, flavor: str) -> Outcome:
    env, payload, snapshot = situation(event)
    facts = reconcile(snapshot, detect(env, payload), NOW)
    try:
        made = rules_decision(
            facts,
            POLICY,
            from_git(snapshot),
            rules=rules_from_config(rules),
            flavor=flavor_from_config(flavor)[0],
        )
    except (GitError, ConfigError) as error:
        return Outcome(error=error.message)
    return Outcome(
        tags=frozenset(tag.name for tag in made.tags),
        withheld=frozenset(one.name for one in made.withheld if one.rightly),
    )


def test_rules_give_the_tags_of_metadata_on_every_event() -> None:
    number, reasons, wrong = 0, Counter[str](), []
    for event, (rules, flavor) in product(EVENTS, (one for rows in RULES.values() for one in rows)):
        number += 1
        metadata = by_metadata(EVENTS[event], rules, flavor)
        config = by_config(EVENTS[event], rules, flavor)
        if config.tags == metadata and not config.error:
            continue
        reason = reason_for(event, rules, config, metadata)
        if reason is None:
            wrong.append((event, rules, flavor, config, sorted(metadata)))
        else:
            reasons[reason] += 1
    assert wrong == []
    assert number >= 300
    assert set(reasons) <= set(REASONS)
    assert reasons.total() <= 0.05 * number, reasons
