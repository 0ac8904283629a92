"""`shipmark build`, and `run --from`, which releases images that another tool or another runner built."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.layout.layout import Layout
from release.tagging.labels import REVISION, VERSION
from tests.support.pages import blocks
from tests.support.programs.command import Result
from tests.support.registries.images import make_image, make_index, store
from tests.support.releases.project import Project

BOTH = ["linux/amd64", "linux/arm64"]
KINDS = ["planned", "built-platform", "built-platform", "built", "pushed", "released", "moved"]
BUILD: dict[str, Any] = {"builder": "layers", "platforms": BOTH}


@pytest.fixture
def made(make_project: Callable[..., Project]) -> Project:
    """Give a project for two platforms, `v1.4.2` tagged at HEAD, whose images are built apart."""
    project = make_project(build=BUILD)
    project.release_commit("v1.4.2", files={".gitignore": "dist/\nparts/\n*.tar\n"})
    return project


def part(project: Project, platform: str, place: str | None = None) -> str:
    """Build HEAD's image for one platform, as a runner of its own would; return where the image is."""
    place = place or f"oci:parts/{platform.rpartition('/')[2]}"
    project.must("build", "--platform", platform, "-o", place)
    return place


def parts(project: Project) -> tuple[str, ...]:
    """Build the images of both platforms, and return the options `--from` that name them."""
    return tuple(word for platform in BOTH for word in ("--from", part(project, platform)))


def refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result.stderr
    for word in words:
        assert word in result.stderr


def test_images_that_two_runners_built_become_one_index_and_one_release(made: Project) -> None:
    made.must("run", *parts(made))
    index = json.loads(made.registry.manifest(made.name, "1.4.2")[1])
    assert [
        f"{one['platform']['os']}/{one['platform']['architecture']}" for one in index["manifests"]
    ] == BOTH
    assert len({made.tags[tag] for tag in ("1.4.2", "1.4", "1", "latest")}) == 1
    assert made.kinds() == KINDS
    assert made.log[0]["from"] == ["oci:parts/amd64", "oci:parts/arm64"]
    assert {entry["via"] for entry in made.log[1:4]} == {"from"}
    recorded = {entry["platform"]: entry["digest"] for entry in made.log[1:3]}
    assert [recorded[platform] for platform in BOTH] == [one["digest"] for one in index["manifests"]]


@pytest.mark.parametrize("annotations", [{}, {"team": "a", "version": "{{version}}"}])
def test_images_joined_by_from_have_the_digest_of_the_index_that_one_build_makes(
    made: Project, annotations: dict[str, str]
) -> None:
    made.configure(build=BUILD, annotations=annotations)
    made.repo.git("tag", "-d", "v1.4.2")
    made.release_commit("v1.4.2")
    made.must("run", *parts(made))
    joined = made.tags["1.4.2"]
    whole = json.loads(made.must("build", "--json").stdout)
    assert whole["digest"] == joined


def test_order_of_from_options_does_not_change_the_digest(made: Project) -> None:
    amd, arm = part(made, BOTH[0]), part(made, BOTH[1])
    preview = json.loads(made.must("preview", "--from", arm, "--from", amd, "--json").stdout)
    other = json.loads(made.must("preview", "--from", amd, "--from", arm, "--json").stdout)
    digests = {
        step["reason"].partition(" ")[0]
        for document in (preview, other)
        for step in document["releases"][0]["steps"]
        if step["kind"] == "assemble"
    }
    assert len(digests) == 1
    assert all(digest.startswith("sha256:") for digest in digests)


@pytest.mark.parametrize(
    "transport", ["oci:parts/one", "oci-archive:one.tar:mine", "docker-archive:one.tar", "dir:parts/one"]
)
def test_from_accepts_the_image_that_build_printed(
    make_project: Callable[..., Project], transport: str
) -> None:
    project = make_project()
    project.release_commit("v1.4.2", files={".gitignore": "parts/\n*.tar\n"})
    printed = project.must("build", "-o", transport).stdout.strip()
    project.must("run", "--from", printed)
    assert project.kinds() == ["planned", "built", "pushed", "released", "moved"]
    assert project.tags["latest"] == project.tags["1.4.2"]


def test_from_accepts_images_of_a_registry_by_digest(made: Project) -> None:
    for platform in BOTH:
        made.must("image", "copy", f"{part(made, platform)}:1.4.2", f"{made.image}:part-{platform[6:]}")
    places = [f"{made.image}@{made.tags[f'part-{platform[6:]}']}" for platform in BOTH]
    refused(made("run", "--from", f"{made.image}:part-amd64"), 2, "names no digest", "image digest")
    refused(
        made("preview", "--offline", "--from", places[0], "--from", places[1]),
        2,
        "`--offline` opens no connection",
    )
    made.must("run", "--from", places[0], "--from", places[1])
    assert made.tags["latest"] == made.tags["1.4.2"]


def test_from_with_other_platforms_than_configured_is_refused(made: Project) -> None:
    amd, arm = part(made, BOTH[0]), part(made, BOTH[1])
    other = part(made, "linux/riscv64")
    for command in ("preview", "run"):
        refused(made(command, "--from", amd), 4, "has no image for `linux/arm64`")
        refused(
            made(command, "--from", amd, "--from", amd, "--from", arm),
            4,
            "both have an image for `linux/amd64`",
        )
        refused(
            made(command, "--from", amd, "--from", arm, "--from", other),
            4,
            "`linux/riscv64`",
            "does not name",
        )
    assert made.tags == {}
    assert made.kinds() == []


def test_from_reads_indexes_in_an_index_and_refuses_those_that_do_not_fit_their_images(made: Project) -> None:
    labels = {REVISION: made.repo.head, VERSION: "1.4.2"}
    amd, arm = (make_image(platform=platform, labels=labels) for platform in BOTH)
    place = Layout(str(made.repo.path / "parts" / "nested"))
    store(
        make_index(make_index(amd, platforms=(BOTH[0],)), make_index(arm, platforms=(BOTH[1],))),
        place,
        "mine",
    )
    store(make_index(arm, amd), place, "wrong")
    refused(made("run", "--from", "oci:parts/nested:wrong"), 4, "names another platform for an image")
    config = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}}).encode()
    store(make_index(make_image(config=config), arm), place, "torn")
    made.must("image", "copy", "oci:parts/nested:torn", f"{made.image}:torn")
    for torn in ("oci:parts/nested:torn", f"{made.image}@{made.tags['torn']}"):
        refused(made("preview", "--from", torn), 4, "1 layers, and its config lists 0")
    made.must("run", "--from", "oci:parts/nested:mine")
    assert {entry["platform"]: entry["digest"] for entry in made.log[1:3]} == dict(
        zip(BOTH, (amd.digest, arm.digest), strict=True)
    )


def test_from_with_an_image_of_another_commit_needs_as_commit(made: Project) -> None:
    earlier = parts(made)
    made.release_commit("v1.4.3")
    for command in ("preview", "run"):
        refused(made(command, *earlier), 6, "org.opencontainers.image.revision", "--as-commit --reason")
    refused(made("run", *earlier, "--as-commit"), 2, "`--as-commit` needs a reason")
    assert made.tags == {}
    made.must("run", *earlier, "--as-commit", "--reason", "only the README changed")
    assert made.tags["latest"] == made.tags["1.4.3"]
    assert [entry["as_commit"] for entry in made.log if entry["kind"] == "built"] == [True]
    assert [entry["reason"] for entry in made.log if entry["kind"] == "planned"] == [
        "only the README changed"
    ]


def test_release_with_as_commit_is_not_recorded_again_by_later_runs(made: Project) -> None:
    earlier = parts(made)
    made.release_commit("v1.4.3")
    vouched = (*earlier, "--as-commit", "--reason", "checked by hand")
    made.must("run", *vouched)
    before = made.kinds()
    for again in (vouched, ()):
        made.must("run", *again)
        assert made.kinds() == before
    # The labels name another commit, so that only who says so with a reason can record the release in a lost log.
    assert "differs" not in made.must("log", "verify", "--registry").stdout
    tags = made.tags
    made.lose_disk()
    refused(made("log", "adopt"), 6, "its image says commit", "--as-commit --reason")
    refused(made("log", "adopt", "--as-commit", "--reason", "checked by hand"), 6, "its image says commit")
    refused(made("log", "adopt", "1.4.3", "--as-commit"), 2, "`--as-commit` needs a reason")
    made.must("log", "adopt", "1.4.3", "--as-commit", "--reason", "checked by hand")
    assert made.kinds() == ["built", "pushed", "released"]
    made.must("run")
    assert made.tags == tags
    assert "differs" not in made.must("log", "verify", "--registry").stdout


def test_promoted_image_that_was_released_with_as_commit_is_no_other_image(made: Project) -> None:
    earlier = parts(made)
    made.release_commit("v1.4.3")
    made.must("run", *earlier, "--as-commit", "--reason", "checked by hand")
    made.must("promote", "1.4.3", "--to", "oci:dist/prod", "--to", "oci:dist/stage:next")
    found = made.must("log", "verify", "--registry").stdout
    assert "same  oci:dist/prod:1.4.3 " in found
    assert "same  oci:dist/stage:next " in found
    assert "differs" not in found


def test_from_with_an_image_without_labels_needs_as_commit(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.release_commit("v1.4.2", files={".gitignore": "parts/\n"})
    bare = bare_image(project)
    refused(project("run", "--from", bare), 6, "has no label `org.opencontainers.image.revision`")
    project.must("run", "--from", bare, "--as-commit", "--reason", "made by hand")
    assert project.tags["latest"] == project.tags["1.4.2"]
    before = project.kinds()
    project.must("run")
    assert project.kinds() == before
    (project.repo.path / ".shipmark" / "log.jsonl").unlink()
    left = project.must("log", "rebuild", "--preview", "--json").json["left_out"]
    assert {one["tag"] for one in left} == set(project.tags)
    made = project.must("log", "rebuild", "--as-commit", "--reason", "made by hand", "--json").json
    assert made["left_out"] == []
    assert made["releases"][0]["evidence"].endswith("is taken as that commit: made by hand")
    rebuilt = project.kinds()
    project.must("run")
    assert project.kinds() == rebuilt
    project.must("log", "verify", "--registry")


def bare_image(project: Project) -> str:
    """Make an OCI layout with one image for amd64 that has no label at all, and return its name."""
    store(make_image(), Layout(str(project.repo.path / "parts" / "bare")), "mine")
    return "oci:parts/bare"


def test_release_with_from_is_repeated_with_the_same_digest_after_the_disk_was_lost(made: Project) -> None:
    places = parts(made)
    made.must("run", *places)
    digest = made.tags["1.4.2"]
    made.lose_disk()
    made.must("run", *places)
    assert made.tags["1.4.2"] == digest


def layer_of(project: Project, place: str) -> Path:
    """Return the file of the last layer of the only image in a layout."""
    layout = project.repo.path / place.removeprefix("oci:")
    index = json.loads((layout / "index.json").read_bytes())
    manifest = json.loads((layout / "blobs" / index["manifests"][0]["digest"].replace(":", "/")).read_bytes())
    return layout / "blobs" / str(manifest["layers"][-1]["digest"]).replace(":", "/")


def test_layer_that_no_place_of_from_has_is_missed_by_the_preview_too(made: Project) -> None:
    options = parts(made)
    first, second = (layer_of(made, place) for place in options[1::2])
    assert first.name == second.name, "both images have the layer"
    whole = first.read_bytes()
    first.unlink()
    second.unlink()
    for command in ("preview", "run"):
        refused(made(command, *options), 5, "is neither in `oci:parts/amd64`, `oci:", "hint: let the tool")
    assert not made.tags
    first.write_bytes(whole)
    for command in ("preview", "run"):
        made.must(command, *options)
    assert "1.4.2" in made.tags


def test_layer_that_the_target_has_need_not_be_at_the_places_of_from(made: Project) -> None:
    options = parts(made)
    made.must("image", "copy", options[1], f"{made.image}:other")
    for place in options[1::2]:
        layer_of(made, place).unlink()
    for command in ("preview", "run"):
        made.must(command, *options)
    assert "1.4.2" in made.tags


def test_from_with_another_image_for_a_pushed_release_is_refused(made: Project) -> None:
    places = parts(made)
    made.must("run", *places)
    made.configure(build={**BUILD, "args": {"VERSION": "another"}})
    made.repo.git("update-index", "--assume-unchanged", "shipmark.yml")
    others = parts(made)
    refused(made("run", *others), 6)
    assert made.kinds().count("released") == 1


def test_from_with_several_components_needs_the_option_component(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(
        image=None,
        build=None,
        components={
            "api": {"image": "oci:dist/api", "build": {"builder": "layers"}},
            "web": {"image": "oci:dist/web", "build": {"builder": "layers"}},
        },
    )
    project.release_commit("v1.4.2", files={".gitignore": "dist/\nparts/\n"})
    refused(project("build"), 2, "--component NAME")
    project.must("build", "--component", "api", "-o", "oci:parts/api")
    refused(project("run", "--from", "oci:parts/api"), 2, "--component NAME", "`web`")
    project.must("run", "--component", "api", "--from", "oci:parts/api")
    assert {entry["component"] for entry in project.log} == {"api"}


def test_shipmark_build_writes_nothing_to_log_and_registry(made: Project) -> None:
    document = json.loads(made.must("build", "--json").stdout)
    assert document["schema"] == "shipmark.build/1"
    assert [one["platform"] for one in document["platforms"]] == BOTH
    assert (document["builder"], document["version"], document["output"]) == ("layers", "1.4.2", None)
    assert made.kinds() == []
    assert made.tags == {}


def test_what_shipmark_build_wrote_is_not_in_the_context_of_the_same_build(made: Project) -> None:
    made.configure(build={"builder": "layers"})
    made.repo.commit("copy all", files={"Dockerfile": "FROM scratch\nCOPY . /\n"})
    first, again = (made.must("build", "-o", "oci-archive:made", "--json").json["digest"] for _ in range(2))
    assert first == again


def test_shipmark_build_of_a_dirty_work_tree_is_refused(made: Project) -> None:
    made.repo.write({"hello.txt": "changed\n"})
    refused(made("build"), 3, "hello.txt")


def test_shipmark_build_with_a_registry_as_output_is_refused(made: Project) -> None:
    refused(made("build", "-o", f"{made.image}:1.4.2"), 2, "shipmark run")


def test_commands_in_docs_from_md_work_as_written(made: Project) -> None:
    lines = [line for block in blocks("docs/from.md", "console") for line in block.splitlines()]
    assert len(lines) == 4
    made.repo.commit("ignore parts", files={".gitignore": "dist/\npart-*/\n"})
    for line in lines:
        made.must(*line.split()[2:])
    assert made.kinds()[-3:] == ["pushed", "released", "moved"]


def test_a_plan_file_of_a_release_with_from_is_executed_without_the_option(
    made: Project, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.json")
    made.must("preview", *parts(made), "-o", plan)
    made.must("run", "--plan", plan)
    assert made.kinds() == KINDS
    assert made.log[1]["via"] == "from"


def test_as_commit_without_from_is_refused(made: Project) -> None:
    for command in ("preview", "run"):
        refused(
            made(command, "--as-commit", "--reason", "x"), 2, "`--as-commit` is about the image of `--from`"
        )
