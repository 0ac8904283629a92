"""Rules give equal tags in `shipmark.yml` and in `shipmark metadata`, apart from listed differences."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ci.systems import detect
from release.app.releases.known import from_git
from release.errors import GitError
from release.facts import Facts, reconcile
from release.git.model import Snapshot
from release.tagging.metadata import MetadataContext, evaluate, read_inputs
from release.tagging.model import MovingTag, TagPolicy
from release.tagging.rules.decision import rules_decision
from release.tagging.rules.github import github_run
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import rules_from_config
from release.tagging.rules.run import with_history
from tests.unit.tagging.rules.allowed_differences import REASONS

HEAD = "860c1904a1ce19322e91ac35af1ab07466440c37"
NOW = 1_795_900_000_000
MAIN = "refs/heads/main"
REPOSITORY = {"full_name": "acme/app", "default_branch": "main"}
REQUEST = {
    "number": 12,
    "pull_request": {
        "number": 12,
        "head": {"ref": "topic/x", "sha": HEAD, "repo": {"full_name": "acme/app"}},
        "base": {"ref": "main", "repo": {"full_name": "acme/app"}},
    },
}


def event(
    name: str, ref: str, *git_tags: str, **payload: Any
) -> tuple[str, str, tuple[str, ...], dict[str, Any]]:
    return name, ref, git_tags, {"repository": REPOSITORY, **payload}


#: Name -> event, ref, git tags of the clone (those with `@` are at another commit), event file.
EVENTS = {
    "push to main": event("push", MAIN),
    "push to main at a tagged commit": event("push", MAIN, "v1.4.2"),
    "push to another branch": event("push", "refs/heads/feature/login"),
    "push to a branch called 1.4": event("push", "refs/heads/1.4"),
    "push of v1.4.2": event("push", "refs/tags/v1.4.2", "v1.4.2", base_ref=MAIN),
    "push of v1.4.2 where 2.0.0 is released": event("push", "refs/tags/v1.4.2", "v1.4.2", "@v2.0.0"),
    "push of v1.5.0-rc.1": event("push", "refs/tags/v1.5.0-rc.1", "v1.5.0-rc.1", "@v1.4.2"),
    "push of nightly": event("push", "refs/tags/nightly", "nightly"),
    "push of v1.4": event("push", "refs/tags/v1.4", "v1.4"),
    "release of v1.4.2": event("release", "refs/tags/v1.4.2", "v1.4.2", action="published"),
    "manual run on v1.4.2": event("workflow_dispatch", "refs/tags/v1.4.2", "v1.4.2"),
    "manual run on a branch": event("workflow_dispatch", "refs/heads/topic/x"),
    "schedule": event("schedule", MAIN, "@v1.4.1"),
    "schedule at a tagged commit": event("schedule", MAIN, "v1.4.2"),
    "pull request": event("pull_request", "refs/pull/12/merge", "@v1.4.1", **REQUEST),
    "push of v2.0.0-beta.2": event("push", "refs/tags/v2.0.0-beta.2", "v2.0.0-beta.2"),
    "push of v1.4.3 with build metadata": event("push", "refs/tags/v1.4.3+b5", "v1.4.3+b5", "@v1.4.2"),
    "push of v0.3.1": event("push", "refs/tags/v0.3.1", "v0.3.1"),
    "creation of v1.4.2": event("create", "refs/tags/v1.4.2", "v1.4.2", ref_type="tag"),
    "manual run on main": event("workflow_dispatch", MAIN),
    "repository_dispatch": event("repository_dispatch", MAIN),
    "an issue is opened": event("issues", MAIN, issue={"number": 3}),
    "a review of a pull request": event("pull_request_review", "refs/pull/12/merge", **REQUEST),
    "merge queue": event("merge_group", "refs/heads/gh-readonly-queue/main/pr-12-abc"),
}
RULES = (
    "type=schedule",
    "type=schedule,pattern={{date 'YYYYMMDD'}}",
    "type=semver,pattern={{version}}",
    "type=semver,pattern={{major}}.{{minor}}",
    "type=semver,pattern={{major}}",
    "type=semver,pattern=v{{version}}",
    "type=semver,pattern={{raw}}",
    "type=semver,pattern={{version}},value={{tag}}",
    "type=pep440,pattern={{version}}",
    "type=pep440,pattern={{major}}.{{minor}}",
    "type=match,pattern=v(.*),group=1",
    "type=match,pattern=\\d+.\\d+",
    "type=edge",
    "type=edge,branch=feature/login",
    "type=ref,event=branch",
    "type=ref,event=branch,prefix=br-",
    "type=ref,event=tag",
    "type=ref,event=pr",
    "type=ref,event=pr,suffix=-ci",
    "type=raw,value=fixed-name",
    "type=raw,value=latest,enable={{is_default_branch}}",
    "type=raw,value=x{{branch}}-{{sha}}",
    "type=raw,value={{tag}}",
    "type=raw,value=of-{{base_ref}}",
    "type=raw,value={{date 'YYYY-MM-DD'}}",
    "type=raw,value=run-55",
    "type=sha",
    "type=sha,format=long,prefix=",
    "type=semver,pattern={{version}}\ntype=ref,event=branch\ntype=ref,event=pr\ntype=sha",
    "type=ref,event=tag,priority=1000\ntype=semver,pattern={{major}}",
)
FLAVORS = ("", "latest=true", "prefix=p-,suffix=-s,onlatest=true")


def situation(name: str) -> tuple[dict[str, str], dict[str, Any], Snapshot]:
    event_name, ref, git_tags, payload = EVENTS[name]
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_EVENT_NAME": event_name,
        "GITHUB_REF": ref,
        "GITHUB_SHA": HEAD,
    }
    lines = [
        f"{'b' * 40 if one.startswith('@') else HEAD} refs/tags/{one.removeprefix('@')}\n" for one in git_tags
    ]
    snapshot = Snapshot(
        root="/src",
        common_dir="/src/.git",
        head=HEAD,
        branch=None,
        committed_at=NOW // 1000,
        tag_listing="".join(lines).encode(),
        commit_count=3,
    )
    return env, payload, snapshot


def by_metadata(name: str, rules: str, flavor: str, policy: TagPolicy) -> set[str]:
    env, payload, snapshot = situation(name)
    run = with_history(github_run(env, payload, now=NOW, policy=policy), snapshot, policy=policy)
    inputs = read_inputs(tags=rules, flavor=flavor)
    return set(evaluate(inputs, MetadataContext(run=run, known=from_git(snapshot))).tag_names)


def facts_of(name: str) -> Facts:
    env, payload, snapshot = situation(name)
    return reconcile(snapshot, detect(env, payload), NOW)


def by_config(name: str, rules: str, flavor: str, policy: TagPolicy) -> set[str] | str:
    """Return the names of the pushed tags, or the reason in `REASONS` that allows the error."""
    facts = facts_of(name)
    try:
        made = rules_decision(
            facts,
            policy,
            from_git(facts.snapshot),
            rules=rules_from_config(rules),
            flavor=flavor_from_config(flavor)[0],
        )
    except GitError as error:
        if "looks like a version" in error.message:
            return "unread version"
        raise
    return {tag.name for tag in made.tags}


def reason_for(name: str, config: set[str] | str, metadata: set[str]) -> str | None:
    """Return the reason in `REASONS` that explains a difference of tags; None if no reason does."""
    if isinstance(config, str):
        return config if EVENTS[name][1] == "refs/tags/v1.4" else None
    if name == "merge queue":
        return "merge queue"
    if name == "creation of v1.4.2":
        return "always default"
    if name == "push to a branch called 1.4" and {one.removeprefix("branch-") for one in config} == metadata:
        return "branch named like a release"
    return None


def compared(policy: TagPolicy) -> tuple[int, Counter[str], list[tuple[object, ...]]]:
    """Return the number of comparisons, the reasons for differences, and the differences without a reason."""
    number, reasons = 0, Counter[str]()
    wrong: list[tuple[object, ...]] = []
    for name in EVENTS:
        for rules in RULES:
            for flavor in FLAVORS:
                number += 1
                metadata = by_metadata(name, rules, flavor, policy)
                config = by_config(name, rules, flavor, policy)
                if config == metadata:
                    continue
                reason = reason_for(name, config, metadata)
                if reason is None:
                    wrong.append((name, rules, flavor, config, metadata))
                else:
                    reasons[reason] += 1
    return number, reasons, wrong


def test_rules_give_the_same_tags_in_the_config_as_in_metadata_apart_from_listed_differences() -> None:
    number, reasons, wrong = compared(TagPolicy(pull_requests=True))
    assert wrong == []
    assert number >= 300
    assert set(reasons) <= set(REASONS)
    assert reasons.total() <= 0.05 * number


def test_with_as_action_only_tags_of_branches_named_like_releases_differ_from_metadata() -> None:
    number, reasons, wrong = compared(TagPolicy(as_action=True))
    assert wrong == []
    assert set(reasons) <= {"branch named like a release"}
    assert reasons.total() <= 0.05 * number


@pytest.mark.parametrize("name", EVENTS)
def test_only_tags_that_a_rule_makes_are_in_the_decision(name: str) -> None:
    facts = facts_of(name)
    rules = rules_from_config("type=raw,value=only-this")
    made = rules_decision(
        facts, TagPolicy(pull_requests=True, as_action=True), from_git(facts.snapshot), rules=rules
    )
    assert [one.name for one in (*made.tags, *made.withheld)] == ["only-this"]
    assert all(isinstance(tag, MovingTag) for tag in made.tags)


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("length", ["", "12", "0", "100"])
def test_as_action_the_variables_of_the_action_name_the_commit(name: str, length: str) -> None:
    env, payload, snapshot = situation(name)
    if "pull_request" in payload:
        request = payload["pull_request"]
        payload |= {"pull_request": request | {"head": request["head"] | {"sha": "f" * 40}}}
    variables = {"DOCKER_METADATA_SHORT_SHA_LENGTH": length, "DOCKER_METADATA_PR_HEAD_SHA": "true"}
    rules = "type=sha,prefix=s\ntype=sha,prefix=l,format=long\ntype=raw,value=x{{sha}}\n"
    run = github_run(env | variables, payload, now=NOW)
    wanted = evaluate(read_inputs(tags=rules), MetadataContext(run=run)).tag_names
    facts = reconcile(snapshot, detect(env, payload), NOW)
    known = from_git(facts.snapshot)
    parsed = rules_from_config(rules)
    made = rules_decision(facts, TagPolicy(as_action=True), known, rules=parsed, env=variables)
    assert {tag.name for tag in made.tags} == set(wanted)
    guarded = rules_decision(facts, TagPolicy(pull_requests=True), known, rules=parsed, env=variables)
    assert {tag.name for tag in guarded.tags} == {f"s{HEAD[:7]}", f"l{HEAD}", f"x{HEAD[:7]}"}


def test_variable_in_an_affix_of_latest_is_expanded_in_the_config() -> None:
    facts = facts_of("push to main")
    rules = rules_from_config("type=raw,value=x")
    flavor, _ = flavor_from_config("latest=true\nsuffix={{env.V}},onlatest=true")
    made = rules_decision(
        facts, TagPolicy(), from_git(facts.snapshot), rules=rules, flavor=flavor, env={"V": "-y"}
    )
    assert {tag.name for tag in made.tags} == {"x-y", "latest-y"}
