"""Compares rules in `shipmark.yml` with `shipmark metadata` on every event of GitHub's documentation."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

from ci.systems import detect
from release.app.releases.known import from_git
from release.errors import ConfigError, GitError
from release.facts import Facts, reconcile
from release.git.model import Snapshot
from release.tagging.metadata import MetadataContext, evaluate, read_inputs
from release.tagging.model import KnownReleases, TagPolicy
from release.tagging.rules.decision import rules_decision
from release.tagging.rules.github import github_run
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import rules_from_config
from release.tagging.rules.run import with_history
from tests.unit.tagging.rules.allowed_differences import REASONS
from tests.unit.tagging.rules.every_event import EVENTS, HEAD, RULES, Event, Outcome, reason_for

NOW = 1_795_900_000_000


# Each of 55 rules is evaluated for 45 events and two policies, and parsing takes as long as evaluating.
parsed_rules = cache(rules_from_config)
parsed_inputs = cache(lambda rules, flavor: read_inputs(tags=rules, flavor=flavor))
parsed_flavor = cache(lambda text: flavor_from_config(text)[0])


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


def by_metadata(context: MetadataContext, rules: str, flavor: str) -> frozenset[str] | None:
    """Return the names of the tags; None if a rule makes a name that no registry accepts, which is an error."""
    try:
        return frozenset(evaluate(parsed_inputs(rules, flavor), context).tag_names)
    except ConfigError:
        return None


def by_config(facts: Facts, known: KnownReleases, rules: str, flavor: str, policy: TagPolicy) -> Outcome:
    try:
        made = rules_decision(facts, policy, known, rules=parsed_rules(rules), flavor=parsed_flavor(flavor))
    except (GitError, ConfigError) as error:
        return Outcome(error=error.message)
    return Outcome(
        tags=frozenset(tag.name for tag in made.tags),
        withheld=frozenset(one.name for one in made.withheld if one.rightly),
    )


def compared(policy: TagPolicy) -> tuple[int, Counter[str], list[tuple[object, ...]]]:
    """Return the number of comparisons, how often each reason explains a difference, and differences without one."""
    number, reasons = 0, Counter[str]()
    wrong: list[tuple[object, ...]] = []
    for event, row in EVENTS.items():
        env, payload, snapshot = situation(row)
        facts, known = reconcile(snapshot, detect(env, payload), NOW), from_git(snapshot)
        run = with_history(github_run(env, payload, now=NOW, policy=policy), snapshot, policy=policy)
        context = MetadataContext(run=run, known=known)
        for rules, flavor in (one for rows in RULES.values() for one in rows):
            number += 1
            metadata = by_metadata(context, rules, flavor)
            config = by_config(facts, known, rules, flavor, policy)
            if metadata is None:
                if not config.error:
                    wrong.append((event, rules, flavor, config, "an error"))
                continue
            if config.tags == metadata and not config.error:
                continue
            untold = not facts.scope.trust.trusted and not config.tags
            reason = "untold" if untold else reason_for(event, rules, config, metadata)
            if reason is None:
                wrong.append((event, rules, flavor, config, sorted(metadata)))
            else:
                reasons[reason] += 1
    return number, reasons, wrong


def test_as_action_rules_give_the_tags_of_metadata_on_every_event() -> None:
    """The first run found 99 differences in 2,475 comparisons: 88 with a reason of the list, 11 without."""
    number, reasons, wrong = compared(TagPolicy(as_action=True))
    assert wrong == []
    assert number >= 300
    assert set(reasons) <= set(REASONS)
    assert reasons.total() <= 0.05 * number


def test_guarded_rules_differ_where_a_run_may_release_nothing() -> None:
    """The first run found 203 differences in 2,475 comparisons: 154 with a reason of the list, 49 without."""
    number, reasons, wrong = compared(TagPolicy(pull_requests=True))
    assert wrong == []
    assert set(reasons) <= set(REASONS)
    assert reasons.total() <= 0.05 * number


def test_only_a_run_without_tags_warns_that_it_releases_nothing() -> None:
    env, payload, snapshot = situation(EVENTS["pull request is closed"])
    facts = reconcile(snapshot, detect(env, payload), NOW)
    rules = rules_from_config("type=ref,event=pr")
    for policy, tags, says in (
        (TagPolicy(as_action=True), 1, False),
        (TagPolicy(pull_requests=True), 0, True),
    ):
        made = rules_decision(facts, policy, from_git(snapshot), rules=rules)
        told = any("releases nothing" in text for text in made.warnings)
        assert (len(made.tags), told) == (tags, says)
