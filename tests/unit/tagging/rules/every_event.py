"""Rules, flavors and events for the second comparison of `shipmark.yml` with `shipmark metadata`.

The set was chosen and committed before its first run. Rules: five of each type of docker/metadata-action's
documentation, and five each for common attributes, global expressions and `flavor`. Events: each of GitHub's "Events
that trigger workflows" that has a ref, once in its usual form, and the refs on which workflows are usually started.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from release.tagging.names import is_image_tag

HEAD: Final = "4d1f0c7a9be26b3f5d8e7a6c5b4a39281706f5e4"
OTHER: Final = "c" * 40
TRUNK: Final = "refs/heads/trunk"
PULL: Final = "refs/pull/345/merge"
_REPOSITORY = {"full_name": "acme/shop", "default_branch": "trunk"}
_REQUEST: dict[str, Any] = {
    "number": 345,
    "state": "open",
    "head": {"ref": "fix/cart", "sha": HEAD, "repo": {"full_name": "acme/shop"}},
    "base": {"ref": "trunk", "repo": {"full_name": "acme/shop"}},
}


#: GitHub names the branch of a check's commit where that is a branch of this repository, and null for a fork's.
_SUITE = {"head_sha": HEAD, "head_branch": "trunk"}


class Event(NamedTuple):
    """A run. `git_tags`: name -> commit, in the clone. `payload`: the event file without the repository."""

    name: str
    ref: str
    git_tags: Mapping[str, str] = {}
    payload: Mapping[str, Any] = {}

    @property
    def event_file(self) -> dict[str, Any]:
        """Return the content of the event file."""
        return {"repository": _REPOSITORY, **self.payload}


def _request(action: str) -> dict[str, Any]:
    return {"action": action, "number": 345, "pull_request": _REQUEST}


#: One row for each event of GitHub's documentation that has a ref; most of them run on the default branch.
DOCUMENTED: Final = {
    "branch_protection_rule": Event("branch_protection_rule", TRUNK, payload={"action": "edited"}),
    "check_run": Event(
        "check_run",
        TRUNK,
        payload={"action": "completed", "check_run": {"head_sha": HEAD, "check_suite": _SUITE}},
    ),
    "check_suite": Event("check_suite", TRUNK, payload={"action": "completed", "check_suite": _SUITE}),
    "create": Event("create", "refs/heads/topic/new", payload={"ref": "topic/new", "ref_type": "branch"}),
    "delete": Event("delete", TRUNK, payload={"ref": "topic/old", "ref_type": "branch"}),
    "deployment": Event(
        "deployment", TRUNK, payload={"action": "created", "deployment": {"ref": "trunk", "sha": HEAD}}
    ),
    "deployment_status": Event(
        "deployment_status",
        TRUNK,
        payload={
            "action": "created",
            "deployment": {"ref": "trunk", "sha": HEAD},
            "deployment_status": {"state": "success"},
        },
    ),
    "discussion": Event("discussion", TRUNK, payload={"action": "created", "discussion": {"number": 7}}),
    "discussion_comment": Event(
        "discussion_comment", TRUNK, payload={"action": "created", "discussion": {"number": 7}}
    ),
    "fork": Event("fork", TRUNK, payload={"forkee": {"full_name": "someone/shop"}}),
    "gollum": Event("gollum", TRUNK, payload={"pages": []}),
    "issue_comment": Event(
        "issue_comment", TRUNK, payload={"action": "created", "issue": {"number": 8}, "comment": {"id": 1}}
    ),
    "issues": Event("issues", TRUNK, payload={"action": "labeled", "issue": {"number": 8}}),
    "label": Event("label", TRUNK, payload={"action": "created", "label": {"name": "bug"}}),
    "merge_group": Event(
        "merge_group",
        "refs/heads/gh-readonly-queue/trunk/pr-345-0a1b2c",
        payload={"action": "checks_requested", "merge_group": {"head_sha": HEAD}},
    ),
    "milestone": Event("milestone", TRUNK, payload={"action": "closed", "milestone": {"number": 2}}),
    "public": Event("public", TRUNK),
    "pull_request": Event("pull_request", PULL, payload=_request("synchronize")),
    "pull_request_review": Event("pull_request_review", PULL, payload=_request("submitted")),
    "pull_request_review_comment": Event("pull_request_review_comment", PULL, payload=_request("created")),
    "pull_request_target": Event("pull_request_target", TRUNK, payload=_request("opened")),
    "push": Event("push", TRUNK, payload={"ref": TRUNK, "after": HEAD}),
    "registry_package": Event("registry_package", TRUNK, payload={"action": "published"}),
    "release": Event(
        "release",
        "refs/tags/v3.0.0",
        {"v3.0.0": HEAD},
        {"action": "published", "release": {"tag_name": "v3.0.0", "prerelease": False, "draft": False}},
    ),
    "repository_dispatch": Event("repository_dispatch", TRUNK, payload={"action": "nightly"}),
    "schedule": Event("schedule", TRUNK, payload={"schedule": "7 3 * * *"}),
    "watch": Event("watch", TRUNK, payload={"action": "started"}),
    "workflow_dispatch": Event("workflow_dispatch", TRUNK, payload={"inputs": {}}),
    "workflow_run": Event(
        "workflow_run",
        TRUNK,
        payload={
            "action": "completed",
            "workflow_run": {
                "event": "push",
                "head_branch": "trunk",
                "head_sha": HEAD,
                "head_repository": {"full_name": "acme/shop"},
            },
        },
    ),
}
#: Other refs and other states of the repository.
REFS: Final = {
    "push to release/2.3": Event("push", "refs/heads/release/2.3", {"v2.3.0": OTHER}),
    "push to a bot's branch": Event("push", "refs/heads/dependabot/npm_and_yarn/lodash-4.17.21"),
    "push to gh-pages": Event("push", "refs/heads/gh-pages"),
    "push to a branch with other letters": Event("push", "refs/heads/Feature/Äpfel_x"),
    "push to trunk at v3.0.0": Event("push", TRUNK, {"v3.0.0": HEAD}),
    "push of 3.1.4": Event("push", "refs/tags/3.1.4", {"3.1.4": HEAD}),
    "push of v2.1.0-alpha.3": Event(
        "push", "refs/tags/v2.1.0-alpha.3", {"v2.1.0-alpha.3": HEAD, "v2.0.9": OTHER}
    ),
    "push of v2.0.10 after v3.0.0": Event(
        "push",
        "refs/tags/v2.0.10",
        {"v2.0.10": HEAD, "v3.0.0": OTHER},
        {"base_ref": "refs/heads/release/2.0"},
    ),
    "push of weekly-2026-47": Event("push", "refs/tags/weekly-2026-47", {"weekly-2026-47": HEAD}),
    "push of 2026.11.29": Event("push", "refs/tags/2026.11.29", {"2026.11.29": HEAD}),
    "push of v1.2.3.post1": Event("push", "refs/tags/v1.2.3.post1", {"v1.2.3.post1": HEAD}),
    "manual run on v2.0.10": Event("workflow_dispatch", "refs/tags/v2.0.10", {"v2.0.10": HEAD}),
    "manual run on topic/x": Event("workflow_dispatch", "refs/heads/topic/x"),
    "pre-release v3.1.0-rc.2": Event(
        "release",
        "refs/tags/v3.1.0-rc.2",
        {"v3.1.0-rc.2": HEAD, "v3.0.0": OTHER},
        {"action": "prereleased", "release": {"tag_name": "v3.1.0-rc.2", "prerelease": True, "draft": False}},
    ),
    "pull request is opened": Event("pull_request", PULL, {"v3.0.0": OTHER}, _request("opened")),
    "pull request is closed": Event(
        "pull_request",
        PULL,
        payload={**_request("closed"), "pull_request": {**_REQUEST, "state": "closed", "merged": True}},
    ),
}
EVENTS: Final = DOCUMENTED | REFS

#: Family -> (rules, flavor).
RULES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "schedule": (
        ("type=schedule,pattern=weekly", ""),
        ("type=schedule,pattern={{date 'YYYYMMDD-hhmmss' tz='Asia/Tokyo'}}", ""),
        ("type=schedule,pattern=nightly-{{date 'YYYY'}}", ""),
        ("type=schedule,prefix=cron-", ""),
        ("type=schedule,pattern=latest", ""),
    ),
    "semver": (
        ("type=semver,pattern={{version}}\ntype=semver,pattern={{major}}.{{minor}}", ""),
        ("type=semver,pattern={{major}}.{{minor}}.{{patch}}", ""),
        ("type=semver,pattern={{version}},value=v5.6.7", ""),
        ("type=semver,pattern=release-{{major}}", ""),
        ("type=semver,pattern={{version}},match=v(.*)", ""),
    ),
    "pep440": (
        ("type=pep440,pattern={{raw}}", ""),
        ("type=pep440,pattern={{major}}", ""),
        ("type=pep440,pattern={{version}},value=1.0b2", ""),
        ("type=pep440,pattern=py-{{version}}", ""),
        ("type=pep440,pattern={{major}}.{{minor}}\ntype=pep440,pattern={{version}}", ""),
    ),
    "match": (
        ("type=match,pattern=v(\\d+),group=1", ""),
        ("type=match,pattern=\\d{4}.\\d{2}.\\d{2}", ""),
        ("type=match,pattern=weekly-(.*),group=1", ""),
        ("type=match,pattern=/V(\\d+)\\.(\\d+)/i,group=2", ""),
        ("type=match,pattern=[a-z]+,value=build77", ""),
    ),
    "edge": (
        ("type=edge,branch=trunk", ""),
        ("type=edge,branch=gh-pages", ""),
        ("type=edge,suffix=-nightly", ""),
        ("type=edge\ntype=sha", ""),
        ("type=edge,priority=900\ntype=ref,event=branch", ""),
    ),
    "ref": (
        ("type=ref,event=branch\ntype=ref,event=tag", ""),
        ("type=ref,event=branch,suffix=-{{sha}}", ""),
        ("type=ref,event=tag,prefix=git-", ""),
        ("type=ref,event=pr,prefix=mr-", ""),
        ("type=ref,event=pr,prefix=,suffix=-review", ""),
    ),
    "raw": (
        ("type=raw,value=stable", ""),
        ("type=raw,value=latest,enable={{is_not_default_branch}}", ""),
        ("type=raw,value={{sha}}", ""),
        ("type=raw,value=canary,enable=false", ""),
        ("foo", ""),
    ),
    "sha": (
        ("type=sha,prefix=git-", ""),
        ("type=sha,format=long", ""),
        ("type=sha,suffix=-amd64", ""),
        ("type=sha,prefix={{branch}}-", ""),
        ("type=sha,priority=2000\ntype=ref,event=branch", ""),
    ),
    "attributes": (
        ("type=raw,value=one,priority=1\ntype=raw,value=two,priority=2", ""),
        ("type=semver,pattern={{version}},prefix=v,suffix=-alpine", ""),
        ("type=ref,event=branch,enable={{is_default_branch}}", ""),
        ("type=ref,event=tag,enable=true,priority=950\ntype=semver,pattern={{version}}", ""),
        ("type=raw,value=app,prefix={{tag}}-,suffix=-x", ""),
    ),
    "expressions": (
        ("type=raw,value={{branch}}", ""),
        ("type=raw,value={{tag}}-{{sha}}", ""),
        ("type=raw,value={{base_ref}}", ""),
        ("type=raw,value={{date 'X'}}", ""),
        ("type=raw,value={{commit_date 'YYYYMMDD'}}-{{sha}}", ""),
    ),
    "flavor": (
        ("type=ref,event=branch\ntype=ref,event=pr\ntype=semver,pattern={{version}}", "latest=false"),
        ("type=semver,pattern={{version}}\ntype=sha", "suffix=-alpine,onlatest=true"),
        ("type=ref,event=branch", "latest=true"),
        ("type=raw,value=dev", "prefix={{branch}}-"),
        ("type=ref,event=tag\ntype=edge", "latest=auto\nprefix=img-"),
    ),
}

#: Events that release nothing, and those that the action takes for the default branch on any ref.
_NOTHING = frozenset({"delete", "pull request is closed"})
_ALWAYS_DEFAULT = frozenset({"create", "discussion", "discussion_comment", "issues", "schedule"})


class Outcome(NamedTuple):
    """What rules in `shipmark.yml` gave. `withheld`: names that the guard withholds. `error`: instead of tags."""

    tags: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    error: str = ""


def reason_for(event: str, rules: str, config: Outcome, metadata: frozenset[str]) -> str | None:
    """Return the reason in `REASONS` for the difference between two outcomes; None if it has none."""
    lacking = metadata - config.tags
    found = None
    if event == "merge_group":
        found = "merge queue"
    elif event in _NOTHING and not config.tags:
        found = "nothing to release"
    elif "looks like a version" in config.error and EVENTS[event].ref.startswith("refs/tags/"):
        found = "unread version"
    elif event in _ALWAYS_DEFAULT and "is_" in rules and "_default_branch" in rules:
        found = "always default"
    elif {name.removeprefix("branch-") for name in config.tags} == metadata:
        found = "branch named like a release"
    elif config.tags < metadata and lacking <= config.withheld:
        found = "guard"
    elif any(not is_image_tag(name) for name in metadata):
        found = "cannot be pushed"
    return found
