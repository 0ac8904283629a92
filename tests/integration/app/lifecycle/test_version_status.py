"""A version that was taken back stays so for everybody who reads the registry, with or without the version log."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from release.effects.version_status import read_status
from tests.support.registries.gate import Answer, Gate, Passage
from tests.support.registries.images import make_image, store
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project

STATUS = "shipmark-status"


@pytest.fixture
def released(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project behind the gate whose v1.4.1 and v1.5.0 are released, HEAD at v1.5.0."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.must("run")
    project.release_commit("v1.5.0")
    project.must("run")
    project.image = f"{gate.host}/acme/app"
    return project


@pytest.fixture
def told(released: Project, make_targets: TargetsFactory) -> Callable[[], list[tuple[str, int, str]]]:
    """Give a function that reads the statuses in the registry: version, number and status of each."""
    repository = make_targets().open(released.image)

    def read() -> list[tuple[str, int, str]]:
        return [(one.version, one.number, one.status) for one in read_status(repository).statuses]

    return read


Told = Callable[[], list[tuple[str, int, str]]]


def back(project: Project, to: str = "1.4.1") -> Any:
    return project.must("rollback", "--to", to, "--reason", "it eats data")


def restore(project: Project, version: str = "1.5.0") -> Any:
    return project.must("restore", version, "--reason", "it was the disk")


def of_kind(project: Project, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in project.log if entry["kind"] == kind]


def test_a_runner_without_the_log_neither_undoes_a_rollback_nor_withholds_the_fix(
    released: Project, told: Told
) -> None:
    assert STATUS not in released.tags
    back(released)
    assert told() == [("1.5.0", 1, "yanked")]
    held = released.tags
    released.lose_disk()
    again = released("run")
    assert again.code == 6
    assert "1.5.0 was taken back: it eats data" in again.stderr
    assert released.tags == held
    released.repo.branch("fix", "v1.4.1")
    released.release_commit("v1.4.2")
    result = released.must("run")
    assert released.tags["latest"] == released.tags["1"] == released.tags["1.4.2"]
    assert "1.5.0 is yanked, as the registry tells: it eats data" in result.stderr
    (learned,) = of_kind(released, "yanked")
    assert (learned["versions"], learned["number"], learned["reason"]) == (["1.5.0"], 1, "it eats data")
    entries = len(released.log)
    released.must("run")
    assert len(released.log) == entries


def test_restore_lets_a_version_count_again_for_everybody_and_a_second_yank_takes_it_back_again(
    released: Project, told: Told
) -> None:
    back(released)
    result = restore(released)
    assert "restoring: 1.5.0" in result.stderr
    assert released.tags["latest"] == released.tags["1"] == released.tags["1.5.0"]
    assert told() == [("1.5.0", 2, "restored")]
    assert [(one["versions"], one["number"]) for one in of_kind(released, "restored")] == [(["1.5.0"], 2)]
    entries = len(released.log)
    assert "restoring: nothing more" in restore(released).stderr
    assert len(released.log) == entries
    released.lose_disk()
    released.must("run")
    back(released)
    assert told() == [("1.5.0", 3, "yanked")]
    assert released.tags["latest"] == released.tags["1.4.1"]


def test_restore_of_a_version_below_the_highest_moves_only_the_tags_of_its_own_line(
    released: Project,
) -> None:
    back(released)
    released.release_commit("v1.6.0")
    released.must("run")
    assert released.tags["latest"] == released.tags["1.6.0"]
    latest = released.tags["latest"]
    restore(released)
    assert (released.tags["latest"], released.tags["1.5"]) == (latest, released.tags["1.5.0"])


def test_restore_refuses_a_version_that_was_never_released(released: Project) -> None:
    result = released("restore", "3.0.0", "--reason", "no")
    assert (result.code, "3.0.0 was never released" in result.stderr) == (6, True)


def test_tags_move_although_the_status_cannot_be_written_and_the_next_rollback_finishes(
    released: Project, gate: Gate, told: Told
) -> None:
    def refuse(passage: Passage) -> Answer | None:
        if passage.method == "PUT" and passage.path.endswith(f"/manifests/{STATUS}"):
            return (
                403,
                [("Content-Type", "application/json")],
                b'{"errors":[{"code":"DENIED","message":"denied"}]}',
            )
        return None

    gate.instead = refuse
    result = released("rollback", "--to", "1.4.1", "--reason", "it eats data")
    assert result.code == 7
    assert "cannot be written" in result.stderr
    assert "does not know the status of 1.5.0, and may move the tags again" in result.stderr
    assert released.tags["latest"] == released.tags["1.4.1"]
    gate.instead = lambda passage: None
    back(released)
    assert told() == [("1.5.0", 1, "yanked")]
    assert len(of_kind(released, "yanked")) == 1


def test_a_foreign_image_under_the_reserved_tag_stops_a_rollback_and_withholds_moving_tags(
    released: Project, make_targets: TargetsFactory
) -> None:
    store(make_image({"other": b"other"}), make_targets().open(released.image), STATUS)
    result = released("rollback", "--to", "1.4.1", "--reason", "no")
    assert (result.code, of_kind(released, "yanked")) == (5, [])
    assert f"{STATUS}` is not a list of statuses that shipmark wrote" in result.stderr
    assert "is reserved: give what it holds another tag, and delete it" in result.stderr
    released.release_commit("v1.6.0")
    run = released("run")
    assert run.code == 7
    assert released.tags["latest"] == released.tags["1.5.0"]


def test_a_version_status_that_another_writer_overwrites_is_written_again(
    released: Project, gate: Gate, make_targets: TargetsFactory, told: Told
) -> None:
    other = make_targets().open(released.image)
    saved: list[Any] = []

    def overwrite(passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith(f"/manifests/{STATUS}") and not saved:
            saved.append(None)
            released.registry.request(
                "DELETE", f"/v2/acme/app/manifests/{released.tags[STATUS]}"
            )  # as if a writer that had read before put its own list over ours
        return True

    gate.after = overwrite
    back(released)
    assert saved
    assert told() == [("1.5.0", 1, "yanked")]
    assert other.name == released.image


def test_a_rollback_that_failed_to_write_the_status_is_finished_by_the_next_run(
    released: Project, gate: Gate, told: Told
) -> None:
    gate.before = lambda passage: not (passage.method == "PUT" and passage.path.endswith(STATUS))
    assert released("rollback", "--to", "1.4.1", "--reason", "it eats data").code == 7
    gate.before = lambda passage: True
    assert told() == []
    released.repo.git("checkout", "--quiet", "v1.4.1")
    assert "1.5.0 not told there yet" in released.must("preview").stdout
    released.must("run")
    assert told() == [("1.5.0", 1, "yanked")]
    assert "nothing to do" in released.must("run").stderr
    back(released)
    assert told() == [("1.5.0", 1, "yanked")]


def test_a_layout_stores_the_status_of_a_version_that_was_taken_back(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(image="oci:dist/image")
    project.must("run")
    project.release_commit("v1.5.0")
    project.must("run")
    back(project)
    index = json.loads((project.repo.path / "dist/image/index.json").read_text())
    names = [one["annotations"]["org.opencontainers.image.ref.name"] for one in index["manifests"]]
    assert STATUS in names
    project.lose_disk()
    assert project("run").code == 6


def test_log_list_and_version_next_ignore_the_tag_of_the_version_statuses(released: Project) -> None:
    back(released)
    released.lose_disk()
    assert STATUS in released.tags
    listed = released.must("log", "list", "--json").json
    assert STATUS not in json.dumps(listed)
    assert released.must("version", "--next", "patch").stdout.strip() == "1.5.1"
