"""Tags that somebody sets while a prune applies, at each moment around a deletion: what stands can be pulled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.images import Image
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.releases.kill_matrix import table
from tests.support.retention.prune_matrix import PruneMatrix
from tests.support.retention.yard import Yard, image, index


@pytest.fixture
def yard(git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory) -> Yard:
    """Give a repository behind a gate, at which the test acts between two requests of the prune."""
    repository = make_targets().open(f"{gate.host}/acme/app")
    return Yard(git_repo, shipmark, repository, gate.registry, "acme/app")


def put_tag(gate: Gate, one: Image, tag: str) -> None:
    """Set a tag without the gate, as another client does."""
    status, _, body = gate.registry.request(
        "PUT",
        f"/v2/acme/app/manifests/{tag}",
        body=one.manifest.raw,
        headers={"Content-Type": one.manifest.media_type},
    )
    assert status == 201, body


def once(action: Callable[[], None], *, at: Callable[[Passage], bool]) -> Callable[[Passage], bool]:
    """Return a hook of the gate that calls `action` at the first request for which `at` holds."""
    left = [action]

    def hook(passage: Passage) -> bool:
        if at(passage) and left:
            left.pop()()
        return True

    return hook


def deletion_of(one: Image) -> Callable[[Passage], bool]:
    """Tell the deletion of an image from the question whether anything can be deleted, which has a random digest."""
    return lambda passage: passage.method == "DELETE" and passage.path.endswith(one.digest)


def test_tag_that_came_after_the_plan_was_read_keeps_its_image(
    yard: Yard, gate: Gate, tmp_path: Path
) -> None:
    one, other = yard.put(index("a"), "sha-a"), yard.put(image("b"), "sha-b")
    plan = yard.plan()["plan"]
    # The first writing steps follow when everything was read: the manifests go to the log, then tags are listed again.
    listed: list[str] = []

    def before(passage: Passage) -> bool:
        if passage.path.split("?")[0].endswith("/tags/list"):
            listed.append(passage.path)
            if len(listed) == 2:
                put_tag(gate, one, "hot")
        return True

    gate.before = before
    done = yard("--apply", plan)
    assert done.code == 7, done.stderr
    assert "`hot` needs" in done.stderr
    assert {"hot", "sha-a"} <= set(yard.tags)
    assert yard.has(one, *one.children, other) == [True, True, True, False]
    assert yard.log[-1]["digests"] == [other.digest]
    assert yard.pull(tmp_path) == {}


def test_tag_that_is_moved_to_an_image_at_its_deletion_is_said_and_the_image_is_back(
    yard: Yard, gate: Gate, tmp_path: Path
) -> None:
    one = yard.put(image("a"), "sha-a")
    yard.put(image("b"), "main", "release-b")
    gate.before = once(lambda: put_tag(gate, one, "main"), at=deletion_of(one))
    done = yard("--apply", yard.plan()["plan"])
    assert done.code == 7, done.stderr
    assert "`main` vanished while" in done.stderr
    assert "shipmark image tag" in done.stderr
    assert yard.has(one) == [True]
    assert yard.pull(tmp_path) == {}


def test_image_that_is_pushed_again_right_after_its_deletion_stays(
    yard: Yard, gate: Gate, tmp_path: Path
) -> None:
    one = yard.put(image("a"), "sha-a")
    gate.after = once(lambda: put_tag(gate, one, "hot"), at=deletion_of(one))
    done = yard("--apply", yard.plan()["plan"])
    assert done.code == 7, done.stderr
    assert "`hot` was put on" in done.stderr
    assert set(yard.tags) == {"hot"}
    assert yard.pull(tmp_path) == {}


def test_tag_that_led_nowhere_before_the_prune_makes_no_image_come_back(yard: Yard, gate: Gate) -> None:
    yard.put(image("kept"), "release-1")
    for number in range(3):
        yard.put(image(f"old {number}"), f"sha-{number}")
    gate.registry.add_tags(yard.name, f"sha256:{'d' * 64}", ["left-over"])
    before = len(gate.registry.requests("PUT"))
    yard.apply()
    assert set(yard.has(image("old 0"), image("old 1"), image("old 2"))) == {False}
    assert len(gate.registry.requests("PUT")) == before


def test_prune_killed_at_some_of_its_effects_leads_to_the_same_end_state(
    yard: Yard, gate: Gate, shipmark: Shipmark, tmp_path: Path
) -> None:
    """`make soak` kills it at all of them, and by SIGTERM, too."""
    matrix = PruneMatrix.of(yard, gate, shipmark, tmp_path / "matrix")
    expected, points = matrix.learn()
    assert set(expected.tags) >= {"release-index", "release-shared", "release-child", "sha-shared"}
    deletions = [point for point in points if point.effect.startswith("DELETE")]
    assert len(deletions) >= 10
    # The deletion of the first index, after which its children are garbage, and one later.
    chosen = [deletions[1], deletions[6]]
    rows = [matrix.strike(point, expected) for point in chosen]
    assert [row.text for row in rows if row.faults] == [], table(rows)
    assert {row.again[0] for row in rows} == {"delete"}
