"""Snapshots of the repository states in the table `tests/conformance/describe-states.json.gz`.

Every case is built as a real repository. The table was written for a tool with other rules and options. Cases with
another expected result are listed with the reason, and their results must differ from the table.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci.context import CiContext
from release.app.releases.known import from_git
from release.control import Cancel
from release.errors import GitError, NoCommits, NoRepository
from release.facts import reconcile
from release.git.model import Snapshot
from release.git.snapshot import snapshot
from release.programs.processes import Processes
from release.tagging.decide import decide
from release.tagging.model import TagPolicy
from release.versions.git_tags import versions_in
from release.versions.model import Version
from release.versions.semver import off_tag_version, parse, parse_tag_name, precedence_key
from tests.support.conformance import table
from tests.support.programs.environment import scrubbed

UNBORN = "a branch without a commit is refused: there is nothing to name"
UNTRACKED = "untracked files do not make the tree dirty; the tool's own output must not"
ONLY_LAST = "there is no switch that looks at the tag created last only: dates of tags say nothing"
STRICT = "without a release the version is `0.0.0-dev.N.g…`; nothing makes that an error"
PEP440 = "the tag is a PEP 440 version and no SemVer one; only SemVer tags are versions"
COMMA = "`+a,b` is no SemVer build metadata, so the tag is no version"
TAG_BRANCH = "releases are looked for in the history of HEAD, not of another branch"
QUALIFIED = "the branch is told by its name, not as git tells it apart from a tag of that name"
ARCHIVE = "an archive without git says nothing of other releases, so the guard could not work"
NOT_SEMVER = "the tag is not a SemVer version as a whole"
SEMVER = "the tag is a SemVer version, whatever its prerelease looks like"
SCHEME = "the version between releases is `X.Y.(Z+1)-dev.N.g…`, which sorts above its base and needs no `+`"
DIRTY = "a dirty tree is refused, not written into the version"

DIFFERENT = {
    "annot-01-unborn": UNBORN,
    "annot-03-unborn-untracked": UNBORN,
    "annot-05-untracked-dirty": UNTRACKED,
    "annot-09-only-nonversion-tag-strict": STRICT,
    "annot-17-nonversion-tag-nearer-latest": ONLY_LAST,
    "annot-20-branch-named-like-tag": QUALIFIED,
    "annot-23-prerelease-exact": PEP440,
    "annot-24-build-metadata-with-comma": COMMA,
    "annot-26-lower-tag-created-later-highest": COMMA,
    "gitflow-03-develop-tag-branch": TAG_BRANCH,
    "gitflow-05-develop-plus-1-tag-branch": TAG_BRANCH,
    "gitflow-08-master-tag-branch-develop": TAG_BRANCH,
    "archival-git-untagged": ARCHIVE,
    "archival-git-tagged": ARCHIVE,
    "archival-git-tagged-post": ARCHIVE,
    "v0.1.0a": PEP440,
    "v0.1.0a1": PEP440,
    "v0.1.0rc.4": PEP440,
    "v0.1.0a2": PEP440,
    "v0.1.0-a-2": SEMVER,
    "v0.1.0.a.2": PEP440,
    "v0.1.0_a_2": PEP440,
    "v0.1.0rc.4+specifier": PEP440,
    "v0.1.0-1.a": SEMVER,
    "v0.1.0-1.alpha": SEMVER,
    "v0.1.0-alpha.1.post.4": SEMVER,
    "v1": NOT_SEMVER,
    "v1b2": PEP440,
    "v1!2": PEP440,
}


def rows(name: str) -> list[Any]:
    """Return the rows of one part of the table as test parameters."""
    found = table("describe-states")[name]
    return [pytest.param(row, id=row.get("id") or row.get("tag") or str(n)) for n, row in enumerate(found)]


def agrees(case: str, ours: object, theirs: object) -> None:
    if case in DIFFERENT:
        assert ours != theirs, f"`{case}` is decided alike by now: take it out of the list"
    else:
        assert ours == theirs


@pytest.mark.parametrize("case", rows("cases"))
def test_git_snapshot_of_each_repository_state_agrees_with_the_table_or_differs_as_listed(
    case: dict[str, Any], tmp_path: Path
) -> None:
    repository, env = build(case["commands"], tmp_path)
    options = case["options"]
    prefix = options.get("pattern_prefix") or ("test/" if "pattern" in options else "")
    ours = observed(repository, env | options.get("env", {}), prefix)
    agrees(case["id"], ours, expected(case))


def build(commands: list[str], folder: Path) -> tuple[Path, dict[str, str]]:
    repository = folder / "repository"
    repository.mkdir()
    home = folder / "home"
    home.mkdir()
    env = scrubbed(home)
    people = {
        f"GIT_{who}_{what}": f"t@{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    for command in commands:
        subprocess.run(
            ["sh", "-c", command], cwd=repository, env=env | people, check=True, capture_output=True
        )
    return repository, env


def observed(repository: Path, env: dict[str, str], prefix: str) -> object:
    """Return an error's class, or base, prerelease, build metadata, distance, dirty and branch of a snapshot."""
    try:
        taken = snapshot(Processes(Cancel()), str(repository), prefix=prefix, env=env)
    except GitError as error:
        return type(error)
    at_head = versions_in(taken.tag_listing, prefix).at(taken.head)
    base, distance = (at_head[0].version, 0) if at_head else base_of(taken, prefix)
    require_same_decision(taken, prefix, base if at_head else off_tag_version(base, distance, taken.head))
    shown = base or Version(major=0, minor=0, patch=0)
    return (
        f"{shown.major}.{shown.minor}.{shown.patch}",
        shown.prerelease,
        shown.build_metadata,
        distance,
        taken.dirty_count > 0,
        taken.branch,
    )


def base_of(taken: Snapshot, prefix: str) -> tuple[Version | None, int]:
    if taken.describe is None:
        assert taken.commit_count is not None
        return None, taken.commit_count
    return parse_tag_name(taken.describe.git_tag, prefix), taken.describe.distance


def require_same_decision(taken: Snapshot, prefix: str, version: Version | None) -> None:
    """Assert that the decision has the version that follows from the snapshot."""
    policy = TagPolicy(prefix=prefix)
    decision = decide(reconcile(taken, CiContext(), 0), policy, from_git(taken, prefix))
    assert decision.version == str(version)


def expected(case: dict[str, Any]) -> object:
    theirs = case["expected"]
    if theirs is None:
        return {"RuntimeError": NoRepository if case["commands"] == ["true"] else NoCommits}.get(
            case["raises"]
        )
    prerelease = ".".join(str(part) for part in (theirs["stage"], theirs["revision"]) if part is not None)
    return (
        theirs["base"],
        prerelease,
        theirs["tagged_metadata"] or "",
        theirs["distance"],
        theirs["dirty"],
        theirs["branch"],
    )


@pytest.mark.parametrize("case", rows("archival"))
def test_git_archive_without_a_git_folder_is_not_a_repository(case: dict[str, Any], tmp_path: Path) -> None:
    repository, env = build([], tmp_path)
    (repository / ".git_archival.json").write_text(json.dumps(case["git_archival_json"]))
    ours = observed(repository, env, "")
    assert ours is NoRepository
    agrees(case["id"], ours, case["expected"])


@pytest.mark.parametrize("case", rows("tag_pattern"))
def test_git_tag_names_are_parsed_as_in_the_table_or_differ_as_listed(case: dict[str, Any]) -> None:
    version = parse_tag_name(case["tag"])
    ours = version and (
        f"{version.major}.{version.minor}.{version.patch}",
        version.prerelease,
        version.build_metadata,
    )
    theirs = None
    if case["base"] is not None:
        prerelease = ".".join(part for part in (case["stage"], case["revision"]) if part is not None)
        theirs = (case["base"], prerelease, case["tagged_metadata"] or "")
    agrees(case["tag"], ours, theirs)


@pytest.mark.parametrize("case", rows("serialize"))
def test_release_versions_equal_the_table_and_versions_of_untagged_commits_differ(
    case: dict[str, Any],
) -> None:
    parts, options = case["version"], case["options"]
    base_text = parts["base"] + ".0" * (2 - parts["base"].count("."))
    if "stage" in parts:
        base_text += f"-{parts['stage']}" + (f".{parts['revision']}" if "revision" in parts else "")
    base, distance = parse(base_text), parts.get("distance", 0)
    if distance == 0 and not options.get("dirty"):
        assert str(base) == case["expected"]
        return
    ours = off_tag_version(base, distance or 1, (parts.get("commit") or "abc").ljust(40, "0"))
    assert str(ours) != case["expected"], SCHEME if distance else DIRTY
    assert precedence_key(base) < precedence_key(ours)
    if base.is_stable:
        following = Version(major=base.major, minor=base.minor, patch=base.patch + 1)
        assert precedence_key(ours) < precedence_key(following)
