"""Promotions, rollbacks, deployments and lost logs of versions whose image tags are named by rules in `tags:`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.releases.project import Project

RULES = ("type=semver,pattern=v{{version}}", "type=semver,pattern=v{{major}}.{{minor}}")


@pytest.fixture
def prefixed(make_project: Callable[..., Project]) -> Project:
    """Give a project whose rules put a `v` before versions, with the releases 1.5.0 and 1.5.1."""
    project = make_project(tags=list(RULES))
    for version in ("v1.5.0", "v1.5.1"):
        project.release_commit(version)
        project.must("run")
    return project


@pytest.fixture(params=["acme", None], ids=["named", "unnamed"])
def shared(make_project: Callable[..., Project], request: pytest.FixtureRequest) -> Project:
    """Give a project, with and without `project:`, with two components in one repository, one of them `-alpine`."""
    project = make_project()
    rules = ["type=semver,pattern={{version}}", "type=semver,pattern={{major}}.{{minor}}"]
    one = {"image": project.image, "tags": rules}
    project.configure(
        image=None,
        project=request.param,
        components={
            "web": {**one, "prefix": "web/"},
            "alpine": {
                **one,
                "prefix": "alpine/",
                "flavor": "suffix=-alpine,onlatest=true",
                "build": {"builder": "layers", "args": {"VERSION": "alpine"}},
            },
        },
    )
    for version in ("v1.5.0", "v1.5.1"):
        project.release_commit(f"web/{version}", f"alpine/{version}")
        project.must("run")
    return project


@pytest.mark.parametrize("name", ["1.5.0", "v1.5.0"])
def test_version_is_found_under_the_tag_that_the_rules_give_it(prefixed: Project, name: str) -> None:
    promoted = prefixed.must("promote", name, "--to", "oci:dist/production").stdout.splitlines()
    assert [line.partition("@")[0].rpartition(":")[2] for line in promoted] == ["v1.5.0", "v1.5", "latest"]
    assert prefixed.must("deployed", "prod", name, "--json").json["digest"] == prefixed.tags["v1.5.0"]


def test_rollback_and_restore_move_tags_to_the_image_under_the_rules_tag(prefixed: Project) -> None:
    first, second = prefixed.tags["v1.5.0"], prefixed.tags["v1.5.1"]
    prefixed.must("rollback", "--to", "1.5.0", "--reason", "broken", "--yes")
    assert {prefixed.tags[tag] for tag in ("v1.5", "latest")} == {first}
    prefixed.must("restore", "1.5.1", "--reason", "mended")
    assert {prefixed.tags[tag] for tag in ("v1.5", "latest")} == {second}


def test_rebuild_is_promoted_and_taken_back_by_the_name_of_its_version(prefixed: Project) -> None:
    prefixed.must("run", "--rebuild")
    assert "v1.5.1_r1" in prefixed.tags
    told = prefixed.must("promote", "1.5.1_r1", "--to", "oci:dist/production").stdout
    assert "oci:dist/production:v1.5.1_r1@" in told
    told = prefixed.must("rollback", "--to", "1.5.1", "--reason", "broken", "--yes", "--preview").stdout
    assert ":v1.5.1 " in told


@pytest.mark.parametrize("log", ["kept", "lost"])
def test_components_that_share_a_repository_promote_their_own_images(shared: Project, log: str) -> None:
    if log == "lost":
        shared.lose_disk()
    own = shared.tags["1.5.0-alpine"]
    assert own != shared.tags["1.5.0"]
    for number, source in enumerate(("alpine/v1.5.0", f"{shared.image}:1.5.0-alpine", own)):
        if source == own and log == "lost":
            continue  # without a log nothing says whose image a digest is
        place = f"oci:dist/{number}"
        args = ("--component", "alpine") if source == own else ()
        lines = shared.must("promote", source, "--to", place, *args).stdout.splitlines()
        assert lines == [f"{place}:{tag}@{own}" for tag in ("1.5.0-alpine", "1.5-alpine", "latest-alpine")]
    told = shared.must("promote", "1.5.0", "--component", "web", "--to", "oci:dist/web").stdout
    assert f"oci:dist/web:1.5@{shared.tags['1.5.0']}" in told


def test_rollback_of_a_component_in_a_shared_repository_moves_its_own_tags(shared: Project) -> None:
    before = shared.tags
    done = shared("rollback", "--component", "alpine", "--to", "1.5.0", "--reason", "broken", "--yes")
    assert done.code == 0, done.stderr
    after = shared.tags
    assert {after[tag] for tag in ("1.5-alpine", "latest-alpine")} == {before["1.5.0-alpine"]}
    assert {tag: after[tag] for tag in ("1.5", "latest")} == {tag: before[tag] for tag in ("1.5", "latest")}
    assert shared.log[-1]["project"] in ("acme/alpine", f"{shared.image}#alpine")


def test_log_from_before_another_component_shared_the_repository_still_answers_and_keeps_what_was_taken_back(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    for version in ("v1.5.0", "v1.5.1"):
        project.release_commit(version)
        project.must("run")
    project.must("rollback", "--to", "1.5.0", "--reason", "broken", "--yes")
    told = project.tags["shipmark-status"]
    project.registry.request("DELETE", f"/v2/{project.name}/manifests/{told}")
    project.configure(
        image=None,
        components={
            "app": {"image": project.image},
            "alpine": {
                "image": project.image,
                "prefix": "alpine/",
                "tags": ["type=semver,pattern={{version}}"],
                "flavor": "suffix=-alpine,onlatest=true",
            },
        },
    )
    project.repo.commit("share")
    assert "1.5.1" in project.must("log", "show", "1.5.1").stdout
    restored = project.must("restore", "1.5.1", "--component", "app", "--reason", "mended")
    assert "restoring: 1.5.1" in restored.stderr
    assert project.tags["latest"] == project.tags["1.5.1"]


def test_higher_version_of_a_component_in_the_same_repository_leaves_the_other_one_its_moving_tags(
    shared: Project,
) -> None:
    shared.release_commit("web/v7.0.0")
    shared.must("run")
    shared.release_commit("alpine/v1.6.0")
    shared.must("run")
    after = shared.tags
    assert after["latest"] == after["7.0.0"]
    assert after["latest-alpine"] == after["1.6-alpine"] == after["1.6.0-alpine"]


def test_a_version_from_before_the_rules_is_found_under_its_usual_tag(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.release_commit("v1.5.0")
    project.must("run")
    project.configure(tags=list(RULES))
    project.release_commit("v1.5.1")
    project.must("run")
    first = project.tags["1.5.0"]
    assert project.must("deployed", "prod", "1.5.0", "--json").json["digest"] == first
    assert (
        "oci:dist/production:1.5.0@" in project.must("promote", "1.5.0", "--to", "oci:dist/production").stdout
    )
    project.must("rollback", "--to", "1.5.0", "--reason", "broken", "--yes")
    assert project.tags["v1.5"] == first


def test_a_lost_log_is_rebuilt_from_tags_that_rules_name(prefixed: Project) -> None:
    prefixed.lose_disk()
    listed = prefixed.must("log", "verify", "--registry", "--json").json["tags"]
    assert [one["tag"] for one in listed if one["finding"] == "unrecorded"] == ["v1.5.0", "v1.5.1"]
    prefixed.must("log", "adopt", "v1.5.0")
    assert prefixed.must("log", "list", "--json").json["total"] == 1
    prefixed.lose_disk()
    found = prefixed.must("log", "rebuild", "--json").json
    assert [one["tags"] for one in found["releases"]] == [
        [f"{prefixed.image}:v1.5.0"],
        [f"{prefixed.image}:{tag}" for tag in ("v1.5.1", "latest", "v1.5")],
    ]
    assert found["left_out"] == []
    assert found["without_image"] == ["v1.3.8", "v1.4.0", "v1.4.1"]
    prefixed.must("run")
    prefixed.must("rollback", "--to", "1.5.0", "--reason", "broken", "--yes")
    assert prefixed.tags["latest"] == prefixed.tags["v1.5.0"]


def test_a_rebuilt_log_gives_each_component_in_a_shared_repository_its_own_images(shared: Project) -> None:
    shared.lose_disk()
    found = shared.must("log", "rebuild", "--json").json
    assert found["left_out"] == []
    assert {(one["component"], one["tags"][0]): one["digest"] for one in found["releases"]} == {
        (component, f"{shared.image}:{tag}"): shared.tags[tag]
        for component, suffix in (("web", ""), ("alpine", "-alpine"))
        for tag in (f"1.5.0{suffix}", f"1.5.1{suffix}")
    }
    shared.must("run")
