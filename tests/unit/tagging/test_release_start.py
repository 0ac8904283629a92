"""What starts a release: the run's ref decides, and a git tag that looks like a version is not passed over."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ci.context import CiContext
from release.errors import ConfigError, GitError, RefusedError
from release.facts import Facts, reconcile
from release.git.model import Snapshot
from release.tagging.decide import decide
from release.tagging.model import Decision, KnownFrom, KnownReleases, TagPolicy
from release.tagging.rules.decision import rules_decision
from release.tagging.rules.parse import rules_from_config
from release.tagging.unread import unread

HEAD = "a" * 40
SHA = f"sha-{HEAD[:12]}"
KNOWN = KnownReleases(known_from=KnownFrom(git="complete"))


def facts(ci: CiContext, *git_tags: str, branch: str | None = None) -> Facts:
    listing = f"{HEAD} refs/heads/main\n" + "".join(f"{HEAD} refs/tags/{name}\n" for name in git_tags)
    snapshot = Snapshot(
        root="/src",
        common_dir="/src/.git",
        head=HEAD,
        branch=branch,
        committed_at=1_795_900_000,
        tag_listing=listing.encode(),
        commit_count=3,
    )
    return reconcile(snapshot, ci, 0)


def names(decision: Decision) -> list[str]:
    return [tag.name for tag in decision.tags]


def on_tag(git_tag: str, **more: Any) -> CiContext:
    return CiContext(system="github", event="tag", event_name="push", commit=HEAD, git_tag=git_tag, **more)


BRANCH = CiContext(system="github", event="push", event_name="push", commit=HEAD, branch="main")
LAPTOP = CiContext()
RELEASED = ["1.4.2", SHA, "1.4", "1", "latest"]


@pytest.mark.parametrize("event", ["tag", "schedule", "manual", "other"])
def test_run_for_a_git_tag_releases_it_whatever_the_event(event: str) -> None:
    ci = msgspec.structs.replace(on_tag("v1.4.2"), event=event)
    assert names(decide(facts(ci, "v1.4.2"), TagPolicy(), KNOWN)) == RELEASED


@pytest.mark.parametrize("event", ["push", "schedule", "manual", "other"])
def test_run_for_a_branch_does_not_release_a_version_tag_at_head_and_warns(event: str) -> None:
    ci = msgspec.structs.replace(BRANCH, event=event)
    made = decide(facts(ci, "v1.4.2"), TagPolicy(), KNOWN)
    assert (names(made), made.channel, made.version) == ([SHA, "main"], "branch", "1.4.2")
    assert any("git tag `v1.4.2` is at HEAD" in text and "--release v1.4.2" in text for text in made.warnings)


def test_run_for_a_branch_without_a_version_tag_at_head_has_no_warning() -> None:
    assert decide(facts(BRANCH, "nightly-x"), TagPolicy(ignore_tags=("nightly-*",)), KNOWN).warnings == ()


def test_run_without_ci_releases_a_version_tag_at_head() -> None:
    assert names(decide(facts(LAPTOP, "v1.4.2", branch="main"), TagPolicy(), KNOWN)) == RELEASED
    assert names(decide(facts(LAPTOP, "v1.4.2"), TagPolicy(), KNOWN)) == RELEASED


def test_git_tag_requested_on_a_branch_is_released_and_the_branch_tag_moves_too() -> None:
    made = decide(facts(BRANCH, "v1.4.2", "v1.4.3-rc.1"), TagPolicy(), KNOWN, asked="v1.4.2")
    assert names(made) == [*RELEASED, "main"]
    assert made.git_tag == "v1.4.2"


@pytest.mark.parametrize("named", ["schedule", "Schedule", "cron"])
def test_event_in_release_on_releases_the_version_tag_at_head_of_a_branch(named: str) -> None:
    ci = msgspec.structs.replace(BRANCH, event="schedule", event_name="cron")
    made = decide(facts(ci, "v1.4.2"), TagPolicy(release_on=(named,)), KNOWN)
    assert names(made) == [*RELEASED, "main"]
    assert names(decide(facts(BRANCH, "v1.4.2"), TagPolicy(release_on=(named,)), KNOWN)) == [SHA, "main"]


@pytest.mark.parametrize(
    ("ci", "asked", "error", "words"),
    [
        (BRANCH, "v9.9.9", GitError, "there is no such git tag"),
        (BRANCH, "v1.4", GitError, "`versions: semver-loose` reads it as 1.4.0"),
        (BRANCH, "-x", ConfigError, "cannot be a git tag"),
        (
            msgspec.structs.replace(BRANCH, merge_queue=True),
            "v1.4.2",
            RefusedError,
            "may not release a version",
        ),
        (msgspec.structs.replace(BRANCH, gone="ref-deleted"), "v1.4.2", RefusedError, "was deleted"),
    ],
)
def test_request_to_release_an_unsuitable_or_missing_git_tag_is_an_error(
    ci: CiContext, asked: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        decide(facts(ci, "v1.4.2", "v1.4"), TagPolicy(), KNOWN, asked=asked)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("1.4.2", "HEAD has the git tag `v1.4.2`: `--release v1.4.2`"),
        (
            "v1.4.3",
            "`git tag v1.4.3` makes it at HEAD; if it exists elsewhere: `git fetch --tags`, then `git checkout v1.4.3`",
        ),
    ],
)
def test_release_of_a_git_tag_that_does_not_exist_says_its_real_name_or_how_to_make_it(
    asked: str, hint: str
) -> None:
    with pytest.raises(GitError, match="there is no such git tag") as caught:
        decide(facts(LAPTOP, "v1.4.2"), TagPolicy(), KNOWN, asked=asked)
    assert caught.value.hint == hint


#: Git tag, policy, what it looks like, the setting that would read it.
UNREAD = [
    ("v1.4", TagPolicy(), "version", "`versions: semver-loose` reads it as 1.4.0"),
    ("1.4", TagPolicy(), "version", "`versions: semver-loose` reads it as 1.4.0"),
    ("v1.4-rc.1", TagPolicy(), "version", "`versions: semver-loose` reads it as 1.4.0-rc.1"),
    ("24.04", TagPolicy(), "version", "`versions: calver` reads it as 24.04"),
    ("2024.10.03", TagPolicy(), "version", "`versions: calver` reads it as 2024.10.03"),
    ("release-1.2.3", TagPolicy(), "version", "`prefix: release-` reads it as 1.2.3"),
    ("release-1.2", TagPolicy(), "version", "`prefix: release-` with `versions: semver-loose` reads it as 1.2.0"),
    ("app/v1.2.3", TagPolicy(), "version", "`prefix: app/` reads it as 1.2.3"),
    ("v1.2.3.4", TagPolicy(), "version", ""),
    ("v01.2.3", TagPolicy(), "version", "`versions: calver` reads it as 01.2.3"),
    ("v1.4.2", TagPolicy(versions="none"), "version", "`versions: semver` reads it as 1.4.2"),
    ("v1.4.2", TagPolicy(prefix="api/"), "version", ""),
    ("1.4.2", TagPolicy(versions="calver"), "version", "`versions: semver` reads it as 1.4.2"),
    ("nightly", TagPolicy(), "other", ""),
    ("v2-final", TagPolicy(), "other", ""),
    ("v1", TagPolicy(), "ignored", ""),
    ("v12", TagPolicy(), "ignored", ""),
    ("v123", TagPolicy(), "other", ""),
    ("v1.4", TagPolicy(ignore_tags=("v[0-9].[0-9]",)), "ignored", ""),
    ("tested-1.4", TagPolicy(ignore_tags=("tested-*",)), "ignored", ""),
    ("api/v1.4.2", TagPolicy(other_prefixes=("api/",)), "elsewhere", ""),
    ("api/v1.4", TagPolicy(other_prefixes=("api/",)), "elsewhere", ""),
    (
        "api/v1.4",
        TagPolicy(prefix="api/", other_prefixes=("",)),
        "version",
        "`versions: semver-loose` reads it as 1.4.0",
    ),
    ("v1.4.2", TagPolicy(prefix="api/", other_prefixes=("",)), "elsewhere", ""),
    ("api/core/v1.0.0", TagPolicy(prefix="api/", other_prefixes=("api/core/",)), "elsewhere", ""),
]  # fmt: skip


def test_git_tags_that_are_not_read_are_classified_by_whether_they_look_like_versions() -> None:
    found = [(one, unread(name, policy)) for one in UNREAD for name, policy in [one[:2]]]
    assert [(seen and seen.looks, seen and seen.reading) for _, seen in found] == [one[2:] for one in UNREAD]


def test_git_tag_that_is_read_as_a_version_is_not_reported_as_unread() -> None:
    assert unread("v1.4.2", TagPolicy()) is None
    assert unread("v1.4", TagPolicy(versions="semver-loose")) is None
    assert unread("api/v1.4.2", TagPolicy(prefix="api/", other_prefixes=("",))) is None


def test_run_for_a_tag_that_looks_like_a_version_is_an_error_with_a_hint() -> None:
    with pytest.raises(GitError, match="started this run") as caught:
        decide(facts(on_tag("v1.4"), "v1.4"), TagPolicy(), KNOWN)
    assert (caught.value.exit_code, caught.value.hint) == (
        3,
        (
            "`versions: semver-loose` reads it as 1.4.0; if it is not a release, "
            "add it to `ignore_tags:` in shipmark.yml"
        ),
    )


@pytest.mark.parametrize(
    ("git_tag", "policy", "example"),
    [
        ("v1.2.3.4", TagPolicy(), "`v1.5.0-rc.1`"),
        ("v1.2.3-rc_1", TagPolicy(), "`v1.5.0-rc.1`"),
        ("v1.4.2", TagPolicy(prefix="api/"), "`api/v1.5.0-rc.1`"),
        ("2026.11.x", TagPolicy(versions="calver"), "`2026.11.3`"),
    ],
)
def test_hint_about_a_tag_that_no_setting_reads_has_the_form_of_a_releases_tag(
    git_tag: str, policy: TagPolicy, example: str
) -> None:
    found = unread(git_tag, policy)
    assert found is not None
    assert (found.error().hint or "").startswith(
        f"the git tag of a release is written {example}; if it is not"
    )


def test_run_for_a_git_tag_unlike_a_version_releases_nothing_with_a_warning() -> None:
    made = decide(facts(on_tag("nightly"), "nightly", "v1.4.2"), TagPolicy(), KNOWN)
    assert (names(made), [one.name for one in made.withheld]) == ([], [SHA])
    assert "nothing is released: git tag `nightly` is not a version here" in made.warnings


@pytest.mark.parametrize("policy", [TagPolicy(), TagPolicy(other_prefixes=("v1",))])
def test_run_for_a_floating_major_tag_or_another_components_tag_releases_nothing_silently(
    policy: TagPolicy,
) -> None:
    made = decide(facts(on_tag("v1"), "v1"), policy, KNOWN)
    assert (names(made), made.warnings) == ([], ())


@pytest.mark.parametrize(
    "rule", ["type=ref,event=tag", "type=match,pattern=v(.*),group=1", "type=raw,value={{tag}}"]
)
def test_git_tag_that_is_not_a_version_is_no_error_if_a_rule_makes_an_image_tag_of_it(rule: str) -> None:
    rules = rules_from_config((rule, "type=sha"))
    made = rules_decision(facts(on_tag("v1.4"), "v1.4"), TagPolicy(), KNOWN, rules=rules)
    assert len(made.tags) >= 2


def test_git_tag_that_is_not_a_version_gets_the_fixed_tags_of_rules_that_are_not_for_git_tags() -> None:
    rules = rules_from_config("type=sha\ntype=ref,event=branch\ntype=schedule")
    made = rules_decision(facts(on_tag("v1.4"), "v1.4"), TagPolicy(), KNOWN, rules=rules)
    assert [tag.name for tag in made.tags] == [f"sha-{made.commit[:7]}"]
    assert any("`v1.4` is not a version here" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    "rule",
    ["type=ref,event=pr\ntype=match,pattern=x", "type=semver,pattern={{version}}", "type=raw,value=edge"],
)
def test_git_tag_that_looks_like_a_version_is_an_error_if_no_rule_makes_an_image_tag_of_it(rule: str) -> None:
    rules = rules_from_config((rule, "type=sha"))
    with pytest.raises(GitError, match="looks like a version"):
        rules_decision(facts(on_tag("v1.4"), "v1.4"), TagPolicy(), KNOWN, rules=rules)


LOOSE = TagPolicy(versions="semver-loose")


@pytest.mark.parametrize(
    ("git_tag", "made"),
    [
        ("v1.4", ["1.4.0", SHA, "1.4", "1", "latest"]),
        ("1.4", ["1.4.0", SHA, "1.4", "1", "latest"]),
        ("v1.4.2", RELEASED),
        ("v1.4-rc.1", ["1.4.0-rc.1", SHA]),
        ("v1.4rc1", ["1.4.0-rc1", SHA]),
    ],
)
def test_loose_semver_reads_a_version_without_its_third_number(git_tag: str, made: list[str]) -> None:
    assert names(decide(facts(on_tag(git_tag), git_tag), LOOSE, KNOWN)) == made
    assert names(decide(facts(LAPTOP, git_tag, branch="main"), LOOSE, KNOWN)) == made


def test_loose_semver_does_not_read_every_git_tag_as_a_version() -> None:
    for name in ("v1", "1.04", "v1.4.2.3", "nightly", "v1.4-"):
        assert unread(name, msgspec.structs.replace(LOOSE, ignore_tags=())) is not None
