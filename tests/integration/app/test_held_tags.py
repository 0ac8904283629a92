"""The images to which the tags of a decision point on the targets, and tags that are withheld because of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest

from ci.context import CiContext
from release.app.releases.gathering.held_tags import gather_held
from release.app.releases.known import from_git
from release.control import Cancel
from release.effects.tag_reader import TagReader
from release.facts import Facts, reconcile
from release.git.command import Git
from release.git.remote import relation, remote_refs
from release.git.snapshot import snapshot
from release.layout.layout import Layout
from release.programs.processes import Processes
from release.tagging.decide import decide
from release.tagging.model import Decision, HeldTags, TagPolicy
from tests.support.registries.images import make_image, store
from tests.support.releases.git import GitRepo

REVISION = "org.opencontainers.image.revision"
VERSION = "org.opencontainers.image.version"


@pytest.fixture
def process() -> Processes:
    return Processes(Cancel())


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(str(tmp_path / "image"))


def decided(repo: GitRepo, process: Processes, held: HeldTags | None = None) -> tuple[Facts, Decision]:
    facts = reconcile(snapshot(process, str(repo.path), env=repo.env), CiContext(), 0)
    return facts, decide(facts, TagPolicy(), from_git(facts.snapshot), held=held)


def gathered(repo: GitRepo, process: Processes, layout: Layout) -> HeldTags:
    facts, decision = decided(repo, process)
    heads = remote_refs(process, str(repo.path), repo.env, "origin").heads
    ancestry = partial(relation, Git(process, str(repo.path), repo.env))
    return gather_held(TagReader(), ancestry, [layout], decision, facts.commit, heads=heads)


def test_image_tags_on_an_empty_target_are_free(
    git_repo: GitRepo, process: Processes, layout: Layout
) -> None:
    git_repo.commit()
    assert {one.state for one in gathered(git_repo, process, layout).held} == {"free"}


def test_an_existing_image_tag_is_read_with_labels_platforms_and_digest(
    git_repo: GitRepo, process: Processes, layout: Layout
) -> None:
    git_repo.commit()
    git_repo.tag("v1.0.0")
    image = make_image(labels={REVISION: "b" * 40, VERSION: "0.9.0"})
    store(image, layout, "latest")
    (latest,) = gathered(git_repo, process, layout).at("latest")
    assert (latest.state, latest.digest, latest.platforms) == ("held", image.digest, ("linux/amd64",))
    assert (latest.revision, latest.version, latest.relation) == ("b" * 40, "0.9.0", None)


@pytest.mark.parametrize(
    ("held", "relation", "moves"),
    [("parent", "ancestor", True), ("child", "descendant", False), (None, "unknown", False)],
)
def test_branch_tag_has_the_relation_of_its_commit_to_head(
    git_repo: GitRepo, process: Processes, layout: Layout, held: str | None, relation: str, moves: bool
) -> None:
    commits = {"parent": git_repo.commit()}
    here = git_repo.commit()
    commits["child"] = git_repo.commit()
    git_repo.git("reset", "--quiet", "--hard", here)
    store(make_image(labels={REVISION: commits[held]} if held else {}), layout, "main")
    found = gathered(git_repo, process, layout)
    assert [one.relation for one in found.at("main")] == [relation]
    tags = [tag.name for tag in decided(git_repo, process, found)[1].tags]
    assert ("main" in tags) is moves


def test_branch_tag_is_withheld_when_the_remote_branch_has_newer_commits(
    git_repo: GitRepo, process: Processes, layout: Layout, tmp_path: Path
) -> None:
    git_repo.commit()
    clone = git_repo.clone(tmp_path / "clone")
    newer = git_repo.commit()
    found = gathered(clone, process, layout)
    assert found.branch_tip == newer
    _, decision = decided(clone, process, found)
    assert [(one.name, one.rightly) for one in decision.withheld] == [("main", True)]


def test_branch_tag_moves_over_an_older_commit_although_the_remote_branch_went_on(
    git_repo: GitRepo, process: Processes, layout: Layout, tmp_path: Path
) -> None:
    older = git_repo.commit()
    git_repo.commit()
    clone = git_repo.clone(tmp_path / "clone")
    git_repo.commit()
    store(make_image(labels={REVISION: older}), layout, "main")
    found = gathered(clone, process, layout)
    assert "main" in [tag.name for tag in decided(clone, process, found)[1].tags]


def test_branch_tag_moves_after_its_commit_was_amended(
    git_repo: GitRepo, process: Processes, layout: Layout, tmp_path: Path
) -> None:
    git_repo.commit()
    old = git_repo.commit()
    store(make_image(labels={REVISION: old}), layout, "main")
    git_repo.git("commit", "--quiet", "--amend", "--allow-empty", "--message=again")
    clone = git_repo.clone(tmp_path / "clone")
    found = gathered(clone, process, layout)
    assert [one.relation for one in found.at("main")] == ["unknown"]
    assert "main" in [tag.name for tag in decided(clone, process, found)[1].tags]


def test_image_tags_of_an_unreadable_target_are_unknown_and_withheld_as_a_fault(
    git_repo: GitRepo, process: Processes, layout: Layout, tmp_path: Path
) -> None:
    git_repo.commit()
    (tmp_path / "image" / "index.json").write_text("{")
    found = gathered(git_repo, process, layout)
    assert {one.state for one in found.held} == {"unknown"}
    assert all(one.cause for one in found.held)
    _, decision = decided(git_repo, process, found)
    assert [(one.name, one.rightly) for one in decision.withheld] == [("main", False)]


def test_remote_branches_whose_names_would_give_one_image_tag_get_different_tags(
    git_repo: GitRepo, process: Processes, tmp_path: Path
) -> None:
    git_repo.commit()
    git_repo.git("branch", "feature-x")
    git_repo.branch("feature/x")
    clone = git_repo.clone(tmp_path / "clone", "--single-branch", "--branch=feature/x")
    taken = snapshot(process, str(clone.path), env=clone.env)
    heads = remote_refs(process, str(clone.path), clone.env, "origin").heads
    alone = decide(reconcile(taken, CiContext(), 0), TagPolicy(), from_git(taken))
    among = decide(reconcile(taken, CiContext(), 0, remote_branches=heads), TagPolicy(), from_git(taken))
    assert alone.tags[-1].name == "feature-x"
    assert among.tags[-1].name.startswith("feature-x-")
    assert msgspec.structs.replace(among, tags=()) == msgspec.structs.replace(alone, tags=())
