"""What rules in `shipmark.yml` have beyond docker/metadata-action: fixed or moving tags, and variables."""

from __future__ import annotations

import pytest

from ci.context import CiContext
from release.errors import ConfigError
from release.facts import Facts, reconcile
from release.git.model import Snapshot
from release.tagging.metadata import MetadataContext, evaluate, read_inputs
from release.tagging.model import FixedTag, KnownFrom, KnownReleases, MovingTag, TagPolicy
from release.tagging.rules.context import RuleContext
from release.tagging.rules.decision import rules_decision
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import rules_from_config
from release.tagging.rules.variables import environment, require_variables

HEAD = "a" * 40
KNOWN = KnownReleases(known_from=KnownFrom(git="complete"))


def facts(git_tag: str | None = None) -> Facts:
    listing = f"{HEAD} refs/tags/{git_tag}\n" if git_tag else ""
    snapshot = Snapshot(
        root="/src",
        common_dir="/src/.git",
        head=HEAD,
        branch="main",
        committed_at=1_795_900_000,
        tag_listing=listing.encode(),
    )
    return reconcile(snapshot, CiContext(), 0)


def kinds(rules: str, git_tag: str | None = "v1.4.2") -> dict[str, str]:
    made = rules_decision(facts(git_tag), TagPolicy(), KNOWN, rules=rules_from_config(rules))
    return {tag.name: tag.policy if isinstance(tag, FixedTag) else str(tag.line.kind) for tag in made.tags}


@pytest.mark.parametrize(
    ("rule", "git_tag", "made"),
    [
        ("type=semver,pattern={{version}}", "v1.4.2", {"1.4.2": "version", "latest": "release"}),
        (
            "type=semver,pattern={{version}},immutable=true",
            "v1.4.2",
            {"1.4.2": "version", "latest": "release"},
        ),
        (
            "type=semver,pattern={{version}},immutable=false",
            "v1.4.2",
            {"1.4.2": "branch", "latest": "release"},
        ),
        ("type=semver,pattern={{major}},immutable=true", "v1.4.2", {"1": "version", "latest": "release"}),
        ("type=raw,value=stable,immutable=true", "v1.4.2", {"stable": "version"}),
        ("type=raw,value=stable,immutable=false", "v1.4.2", {"stable": "release"}),
        ("type=ref,event=branch,immutable=true", None, {"main": "first-wins"}),
        ("type=sha", None, {"sha-aaaaaaa": "first-wins"}),
        ("type=sha,immutable=false", None, {"sha-aaaaaaa": "branch"}),
        ("type=raw,value=run-55", "v1.4.2", {"run-55": "branch"}),
    ],
)
def test_attribute_immutable_of_a_rule_makes_its_tag_fixed_or_moving(
    rule: str, git_tag: str | None, made: dict[str, str]
) -> None:
    assert kinds(rule, git_tag) == made


def test_values_of_immutable_other_than_true_and_false_are_errors() -> None:
    with pytest.raises(ConfigError, match="`immutable=yes` must be `true` or `false`"):
        rules_from_config("type=sha,immutable=yes")


def test_value_of_enable_without_an_expression_is_checked_before_any_run() -> None:
    with pytest.raises(ConfigError, match="1:17: `enable` is `tru`, it must be `true` or `false`"):
        rules_from_config("type=sha,enable=tru")
    rules_from_config("type=sha,enable={{is_default_branch}}")


def test_decision_by_rules_has_only_the_tags_of_the_rules() -> None:
    made = rules_decision(facts(), TagPolicy(), KNOWN, rules=rules_from_config("type=raw,value=next"))
    assert [(tag.name, type(tag)) for tag in made.tags] == [("next", MovingTag)]


def test_flavor_with_latest_true_adds_the_tag_latest_on_a_branch() -> None:
    flavor = flavor_from_config("latest=true")[0]
    rules = rules_from_config("type=ref,event=branch")
    made = rules_decision(facts(), TagPolicy(), KNOWN, rules=rules, flavor=flavor)
    assert [tag.name for tag in made.tags] == ["main", "latest"]


@pytest.mark.parametrize(
    ("rules", "flavor", "message"),
    [
        ("type=raw,value=1-j${BUILD_NUMBER}", "", r"tags:1:19: `\$\{…\}` is not replaced in rules"),
        ("type=raw,value=x-${{ github.run_id }}", "", r"`\$\{…\}` is not replaced in rules"),
        ("type=sha\ntype=raw,value={{env.NOPE}}", "", r"tags:2:18: `env.NOPE` is not set"),
        ("type=raw,value=a,enable={{env.NOPE}}", "", "`env.NOPE` is not set"),
        ("type=sha", "suffix=-{{env.NOPE}}", "`env.NOPE` is not set"),
        ("type=sha", "suffix=-${NOPE}", "is not replaced in rules"),
        ("type=raw,value={{env.NPM_TOKEN}}", "", "looks like a secret"),
        ("type=raw,value={{env.LATIN}}", "", r"`env.LATIN` has bytes that are not UTF-8"),
        ("type=raw,value={{env}}", "", "needs the name of a variable"),
        ("type=raw,value={{date env.NOPE}}", "", "`env.NOPE` is not set"),
    ],
)
def test_variable_that_cannot_be_replaced_in_a_tag_rule_is_a_config_error(
    rules: str, flavor: str, message: str
) -> None:
    env = environment({"CHANNEL": "edge", "NPM_TOKEN": "hunter2", "LATIN": "f\udcfcr"})
    with pytest.raises(ConfigError, match=message):
        require_variables(rules_from_config(rules), flavor_from_config(flavor)[0], {}, env)


def test_unset_environment_variable_in_a_label_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"labels.a:1:3: `env.NOPE` is not set"):
        require_variables((), flavor_from_config("")[0], {"labels": {"a": "{{env.NOPE}}"}}, {})


def test_environment_variable_in_a_rule_is_replaced_in_the_config_and_left_empty_in_metadata() -> None:
    rules = "type=raw,value=x{{env.CHANNEL}}"
    made = rules_decision(
        facts(), TagPolicy(), KNOWN, rules=rules_from_config(rules), env=environment({"CHANNEL": "edge"})
    )
    assert [tag.name for tag in made.tags] == ["xedge"]
    inputs = read_inputs(tags=f"{rules}\ntype=raw,value=1-j${{BUILD_NUMBER}}")
    named = evaluate(
        inputs, MetadataContext(run=RuleContext(now=0, ref="refs/heads/main", sha=HEAD))
    ).tag_names
    assert named == ("x", "1-j-BUILD_NUMBER-")


def test_rule_that_makes_the_reserved_tag_is_an_error_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"tags:1:1: the tag `shipmark-status` is reserved"):
        kinds("type=raw,value=shipmark-status")
