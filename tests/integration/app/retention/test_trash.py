"""`retention.trash`: images are copied before they are deleted, come back from there, and go after a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.retention.trash import trash_tag
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Answer, Gate
from tests.support.registries.images import store
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.retention.yard import Yard, image, index
from tests.support.services.required import require

TRASH = "acme/trash"


@pytest.fixture
def yard(git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory) -> Yard:
    """Give a repository with a trash, behind a gate at which a test refuses requests."""
    yard = Yard(git_repo, shipmark, make_targets().open(f"{gate.host}/acme/app"), gate.registry, "acme/app")
    yard.configure(trash=TRASH)
    return yard


def trashed(yard: Yard) -> list[str]:
    """Return the digests in the trash."""
    return sorted(yard.server.tags(TRASH).values())


def test_image_in_the_trash_comes_back_after_a_garbage_collection(yard: Yard, tmp_path: Path) -> None:
    require("skopeo")
    old = yard.put(index("old"), "sha-1", "sha-2")
    yard.put(image("kept"), "release-1")
    before = yard.tags
    report = yard.apply()
    gone = [old.digest, *(child.digest for child in old.children)]
    assert trashed(yard) == sorted(gone)
    assert set(yard.tags) == {"release-1"}
    assert yard.log[-1]["trash"] == f"{yard.repository.name.partition('/')[0]}/{TRASH}"
    assert yard.plan()["repositories"][1]["deleted"] == []
    yard.collect_garbage()
    undone = yard("undo", report["run"])
    assert undone.code == 0, undone.stderr
    assert yard.tags == before
    assert yard.pull(tmp_path) == {}


def test_prune_empties_what_was_in_the_trash_long_enough(yard: Yard, make_targets: TargetsFactory) -> None:
    yard.configure(trash={"repository": TRASH, "keep": "14d"})
    trash = make_targets().open(f"{yard.server.host}/{TRASH}")
    days = {15: index("long ago"), 13: image("lately")}
    for ago, one in days.items():
        at = round((datetime.now(UTC) - timedelta(days=ago)).timestamp() * 1000)
        store(one, trash, trash_tag(one.digest, "acme/app", at=at))
    store(image("mine"), trash, "mine")
    yard.put(image("old"), "sha-old")
    yard.put(image("kept"), "release-1")
    report = yard.apply()
    # The trash is no further repository of the plan.
    assert report["totals"] == {
        "repositories": 1,
        "unread": 0,
        "images": 2,
        "deleted": 1,
        "kept": 1,
        "emptied": 1,
    }
    assert [one["is_trash"] for one in report["repositories"]] == [False, True]
    assert trashed(yard) == sorted([image("lately").digest, image("mine").digest, image("old").digest])
    (entry,) = [one for one in yard.log if one["kind"] == "pruned" and one["target"].endswith(TRASH)]
    assert set(entry["digests"]) == {days[15].digest, *(child.digest for child in days[15].children)}


def test_image_that_the_trash_does_not_take_is_not_deleted(yard: Yard, gate: Gate) -> None:
    one = yard.put(image("old"), "sha-old")
    plan = yard.plan()["plan"]
    refused: Answer = (403, [], b'{"errors":[{"code":"DENIED","message":"no pushes to the trash"}]}')
    gate.instead = lambda passage: (
        refused if passage.number and passage.path.startswith(f"/v2/{TRASH}/") else None
    )
    done = yard("--apply", plan)
    assert (done.code, "no pushes to the trash" in done.stderr) == (7, True), done.stderr
    assert yard.tags == {"sha-old": one.digest}


def test_trash_that_cannot_be_one_is_refused(yard: Yard) -> None:
    yard.configure(trash="acme/app")
    done = yard()
    assert (done.code, "cannot be its own trash" in done.stderr) == (2, True), done.stderr
