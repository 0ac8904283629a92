"""`shipmark rollback` takes versions back and moves tags to the highest version left; later runs respect that."""

from __future__ import annotations

import contextlib
import json
import os
import pty
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.registries.images import make_image, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project

OTHER = make_image({"other": b"other"})


@pytest.fixture
def released(make_project: Callable[..., Project]) -> Project:
    """Give a project whose v1.4.1, v1.4.2 and v1.5.0 are released, HEAD at v1.5.0."""
    project = make_project()
    project.must("run")
    for git_tag in ("v1.4.2", "v1.5.0"):
        release(project, git_tag)
    return project


def release(project: Project, git_tag: str) -> str:
    project.release_commit(git_tag)
    project.must("run")
    return project.tags[git_tag.removeprefix("v")]


def back(project: Project, to: str = "1.4.1", *more: str) -> Any:
    return project.must("rollback", "--to", to, "--reason", "it eats data", *more)


def of_kind(project: Project, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in project.log if entry["kind"] == kind]


def test_rollback_moves_tags_to_the_highest_version_left(released: Project) -> None:
    before = released.tags
    assert before["latest"] == before["1.5.0"]
    back(released)
    after = released.tags
    assert after["latest"] == after["1"] == after["1.4"] == before["1.4.1"]
    assert {tag: after[tag] for tag in ("1.4.1", "1.4.2", "1.5.0")} == {
        tag: before[tag] for tag in ("1.4.1", "1.4.2", "1.5.0")
    }


def test_version_that_only_a_rollback_named_in_this_log_is_rebuilt(released: Project) -> None:
    (released.repo.path / ".shipmark" / "log.jsonl").unlink()
    back(released)
    released.repo.checkout("v1.4.1")
    released.must("run", "--rebuild", "1.4.1")
    assert released.tags["latest"] == released.tags["1.4.1_r1"]


def test_rollback_leaves_a_tag_whose_line_has_no_version_left_with_a_warning(released: Project) -> None:
    result = back(released)
    assert "`1.5` stays where it is: no version of its line is left" in result.stderr
    assert released.tags["1.5"] == released.tags["1.5.0"]


def test_rollback_records_the_yank_before_the_moves(released: Project) -> None:
    entries = len(released.log)
    back(released)
    yanked, moved = released.log[entries:]
    assert (yanked["kind"], yanked["versions"], yanked["reason"]) == (
        "yanked",
        ["1.5.0", "1.4.2"],
        "it eats data",
    )
    assert moved["kind"] == "moved"
    held = {tag["name"]: (tag["before"], tag["digest"]) for tag in moved["tags"]}
    tags = released.tags
    assert held == {
        "1.4": (tags["1.4.2"], tags["1.4.1"]),
        "1": (tags["1.5.0"], tags["1.4.1"]),
        "latest": (tags["1.5.0"], tags["1.4.1"]),
    }
    assert moved["release"] == next(
        one["release"] for one in of_kind(released, "released") if one["version"] == "1.4.1"
    )


def test_run_of_a_yanked_version_is_refused_with_the_reason_of_the_yank(released: Project) -> None:
    back(released)
    held, entries = released.tags, len(released.log)
    for command in ("preview", "run"):
        again = released(command)
        assert again.code == 6
        assert "1.5.0 was taken back: it eats data" in again.stderr
        assert "`shipmark restore 1.5.0 --reason" in again.stderr
    assert (released.tags, len(released.log)) == (held, entries)


def test_backport_after_a_rollback_leaves_the_wide_tags_on_the_highest_version_not_yanked(
    released: Project,
) -> None:
    back(released)
    released.repo.branch("release/1.3", "v1.3.8")
    backport = release(released, "v1.3.9")
    assert released.tags["1.3"] == backport
    assert released.tags["latest"] == released.tags["1"] == released.tags["1.4.1"]


def test_fix_release_gets_the_tags_although_a_yanked_version_is_higher(released: Project) -> None:
    back(released)
    released.repo.branch("fix", "v1.4.2")
    fix = release(released, "v1.4.3")
    assert {released.tags[tag] for tag in ("latest", "1", "1.4")} == {fix}


def test_repeated_rollback_changes_and_records_nothing(released: Project) -> None:
    back(released)
    entries, before = len(released.log), len(released.registry.access_log())
    again = back(released, "1.4.1", "--json").json
    assert again["yanked"] == []
    assert len(released.log) == entries
    assert {one.method for one in released.registry.access_log()[before:]} <= {"GET", "HEAD"}


def test_preview_of_a_rollback_shows_the_moves_and_changes_nothing(released: Project) -> None:
    held, entries = released.tags, len(released.log)
    shown = back(released, "1.4.1", "--preview", "--json").json
    assert shown["schema"] == "shipmark.rollback/1"
    assert shown["yanked"] == ["1.5.0", "1.4.2"]
    free = [step["id"] for step in shown["steps"] if step["state"] == "free" and step["kind"] == "move-tag"]
    assert free == [f"move:{released.image}:{tag}" for tag in ("1.4", "1", "latest")]
    assert released.tags == held
    assert len(released.log) == entries


def test_rollback_with_line_takes_back_only_versions_of_that_line(released: Project) -> None:
    back(released, "1.4.1", "--line", "1.4")
    tags = released.tags
    assert tags["1.4"] == tags["1.4.1"]
    assert tags["latest"] == tags["1"] == tags["1.5"] == tags["1.5.0"]
    assert of_kind(released, "yanked")[0]["versions"] == ["1.4.2"]


def test_second_rollback_goes_to_a_lower_version(released: Project) -> None:
    back(released, "1.4.2")
    assert released.tags["latest"] == released.tags["1.4.2"]
    back(released, "1.4.1")
    assert released.tags["latest"] == released.tags["1.4.1"]
    assert [entry["versions"] for entry in of_kind(released, "yanked")] == [["1.5.0"], ["1.4.2"]]


def test_rollback_to_a_yanked_version_is_refused(released: Project) -> None:
    back(released)
    result = released("rollback", "--to", "1.4.2", "--reason", "no")
    assert result.code == 6
    assert "1.4.2 was taken back itself" in result.stderr


def test_rollback_to_an_unreleased_version_is_refused(released: Project) -> None:
    result = released("rollback", "--to", "1.4.9", "--reason", "no")
    assert result.code == 6
    assert "was never released" in result.stderr


def test_rollback_is_refused_before_any_record_if_a_target_lacks_the_image(released: Project) -> None:
    result = released("rollback", "--to", "1.3.8", "--reason", "no")  # has a git tag, and no image
    assert result.code == 5
    assert "has no tag `1.3.8`" in result.stderr
    assert of_kind(released, "yanked") == []


def test_rollback_to_an_overwritten_version_tag_is_refused(
    released: Project, make_targets: TargetsFactory
) -> None:
    ours = released.tags["1.4.1"]
    store(OTHER, make_targets().open(released.image), "1.4.1")
    held = released.tags
    result = released("rollback", "--to", "1.4.1", "--reason", "no")
    assert result.code == 6
    assert ours in result.stderr
    assert OTHER.digest in result.stderr
    assert released.tags == held
    assert of_kind(released, "yanked") == []


def test_rollback_without_a_log_uses_git_and_the_registry(released: Project) -> None:
    released.lose_disk()
    back(released)
    tags = released.tags
    assert tags["latest"] == tags["1"] == tags["1.4"] == tags["1.4.1"]
    assert [entry["kind"] for entry in released.log] == ["yanked", "moved"]
    (listed,) = released.must("log", "list", "--json").json["releases"]
    assert (listed["release"], listed["state"]) == ("1.4.1", "pushed")
    assert f"{released.image}:latest  1.4.1 " in released.must("log", "at", "latest", "2999-01-01").stdout
    assert "moved" in released.must("log", "show", "1.4.1").stdout


def test_rollback_moves_tags_on_every_target(
    make_project: Callable[..., Project], registry_factory: Any
) -> None:
    other = registry_factory()
    project = make_project(image=None, images=["oci:dist/image", f"{other.host}/copy/app"])
    project.must("run")
    project.release_commit("v1.5.0")
    project.must("run")
    back(project)
    copy = other.tags("copy/app")
    assert copy["latest"] == copy["1"] == copy["1.4.1"] != copy["1.5.0"]
    index = json.loads((project.repo.path / "dist/image/index.json").read_text())
    layout = {
        one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"]
        for one in index["manifests"]
        if "annotations" in one
    }
    assert layout["latest"] == layout["1.4.1"]


def test_rollback_killed_between_the_yank_and_the_moves_is_finished_by_the_next(released: Project) -> None:
    back(released)
    path = released.repo.path / ".shipmark" / "log.jsonl"
    kept = path.read_text().splitlines()
    cut = next(number for number, line in enumerate(kept) if json.loads(line)["kind"] == "yanked") + 1
    # The log ends after the yank, as a kill would leave it, and one tag has not moved yet.
    path.write_text("\n".join(kept[:cut]) + "\n")
    _, raw = released.registry.manifest(released.name, "1.5.0")
    kind = json.loads(raw)["mediaType"]
    address = f"/v2/{released.name}/manifests/latest"
    released.registry.request("PUT", address, body=raw, headers={"Content-Type": kind})
    back(released)
    assert released.tags["latest"] == released.tags["1.4.1"]
    assert [entry["kind"] for entry in released.log[cut:]] == ["moved"]


def test_rollback_to_a_prerelease_killed_after_the_yank_is_finished_by_the_next(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.must("run")
    for git_tag in ("v1.5.0-rc.1", "v1.5.0"):
        release(project, git_tag)
    back(project, "1.5.0-rc.1")
    assert project.tags["latest"] == project.tags["1"] == project.tags["1.4.1"]
    _, raw = project.registry.manifest(project.name, "1.5.0")
    kind = {"Content-Type": json.loads(raw)["mediaType"]}
    project.registry.request("PUT", f"/v2/{project.name}/manifests/latest", body=raw, headers=kind)
    back(project, "1.5.0-rc.1")
    assert project.tags["latest"] == project.tags["1.4.1"]


def test_rollback_moves_tags_that_come_from_rules(make_project: Callable[..., Project]) -> None:
    rules = ["type=semver,pattern={{version}}", "type=semver,pattern=v{{major}}.{{minor}}"]
    project = make_project(tags=rules)
    project.must("run")
    release(project, "v1.4.2")
    assert project.tags["v1.4"] == project.tags["latest"] == project.tags["1.4.2"]
    back(project)
    assert project.tags["v1.4"] == project.tags["latest"] == project.tags["1.4.1"]


def test_rollback_writes_nothing_to_a_target_with_moving_false(
    make_project: Callable[..., Project], registry_server: RegistryServer, registry_factory: Any
) -> None:
    other = registry_factory()
    fixed = {"image": f"{other.host}/fixed/app", "moving": False}
    project = make_project(image=None, images=[f"{registry_server.host}/acme/app", fixed])
    project.must("run")
    release(project, "v1.4.2")
    held = other.tags("fixed/app")
    before = len(other.requests("PUT", "POST", "DELETE"))
    back(project)
    assert project.tags["latest"] == project.tags["1.4.1"]
    assert other.tags("fixed/app") == held
    assert len(other.requests("PUT", "POST", "DELETE")) == before


def test_rollback_of_one_of_several_components_needs_its_name_and_leaves_the_others(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    host = project.registry.host
    build = {"builder": "layers", "args": {"VERSION": "{{version}}"}}
    components = {
        name: {"image": f"{host}/acme/{name}", "prefix": f"{name}/", "build": build}
        for name in ("api", "web")
    }
    project.configure(image=None, build=None, components=components, project="acme")
    for version in ("v1.0.0", "v1.0.1"):
        project.release_commit(f"api/{version}", f"web/{version}")
        project.must("run")
    assert project("rollback", "--to", "1.0.0", "--reason", "bad").code == 2
    back(project, "1.0.0", "--component", "api")
    api, web = project.registry.tags("acme/api"), project.registry.tags("acme/web")
    assert api["latest"] == api["1.0"] == api["1.0.0"]
    assert web["latest"] == web["1.0"] == web["1.0.1"]
    assert [entry["project"] for entry in of_kind(project, "yanked")] == ["acme/api"]


def test_rollback_warns_about_other_repositories_and_environments_with_the_version(released: Project) -> None:
    prod = f"{released.registry.host}/acme/prod"
    env = {"SHIPMARK_LOG_ANCHOR": f"99:{'0' * 64}"}
    for version in ("1.4.1", "1.4.2"):
        promoted = released.must("promote", f"{released.image}:{version}", "--to", prod, env=env)
    deployed = released.must("deployed", "production", "1.4.2", env=env)
    result = released.must("rollback", "--to", "1.4.1", "--reason", "it eats data", env=env)
    for one in (promoted, deployed, result):
        assert "entries or more were cut off (`SHIPMARK_LOG_ANCHOR`)" in one.stderr
    assert "taking back: 1.5.0, 1.4.2" in result.stderr
    assert f"`{prod}` still has 1.4.2 under `1`, `1.4`, `latest`" in result.stderr
    assert "environment `production` runs 1.4.2" in result.stderr
    released.must("promote", f"{released.image}:1.4.1", "--to", prod)
    there = released.registry.tags("acme/prod")
    assert there["latest"] == there["1"] == there["1.4"] == there["1.4.1"]


def test_rollback_on_a_terminal_names_what_it_would_take_back_and_asks(released: Project) -> None:
    before = released.tags
    said, code = answered(released, "n")
    assert "take back 1.5.0, and move the tags? [y/N]" in said
    assert (code, released.tags, of_kind(released, "yanked")) == (6, before, [])
    said, code = answered(released, "y")
    assert code == 0, said
    assert [one["versions"] for one in of_kind(released, "yanked")] == [["1.5.0"]]


def answered(project: Project, answer: str) -> tuple[str, int]:
    """Roll back to 1.4.2 on a terminal, and answer its question; return what the terminal showed, and the exit code."""
    terminal, end = pty.openpty()
    process = project.start("rollback", "--to", "1.4.2", "--reason", "x", stdin=end, stderr=end)
    os.close(end)
    said = b""
    with contextlib.suppress(OSError):  # EIO: the process has closed the terminal
        while chunk := os.read(terminal, 4096):
            asked = b"[y/N]" in said
            said += chunk
            if not asked and b"[y/N]" in said:
                os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    return said.decode(), process.wait(60)


def test_log_verify_with_registry_finds_no_difference_after_a_rollback(released: Project) -> None:
    back(released)
    assert released("log", "verify", "--registry").code == 0


def test_rollback_records_nothing_while_a_registry_does_not_answer(released: Project) -> None:
    entries = len(released.log)
    released.registry.stop()
    result = released("rollback", "--to", "1.4.1", "--reason", "no")
    assert result.code == 5
    released.registry.start()
    assert len(released.log) == entries


def test_rollback_ignores_an_optional_target_that_does_not_answer(released: Project) -> None:
    gone = {"image": "127.0.0.1:9/gone/app", "required": False}
    released.configure(image=None, images=[released.image, gone])
    result = back(released)
    assert "127.0.0.1:9" in result.stderr
    assert released.tags["latest"] == released.tags["1.4.1"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--to", "1.4"), "write it as 1.4.1"),
        (("--to", "1.4.1", "--line", "main"), "write it as 1.4 or 1"),
    ],
)
def test_rollback_refuses_bad_arguments(released: Project, arguments: tuple[str, ...], hint: str) -> None:
    result = released("rollback", *arguments, "--reason", "no")
    assert result.code == 2
    assert hint in result.stderr


def test_rollback_needs_a_reason(released: Project) -> None:
    assert released("rollback", "--to", "1.4.1").code == 2


def test_rollback_to_a_version_yanks_its_rebuild_and_moves_the_tags_back(project: Project) -> None:
    project.must("run")
    first = project.tags["1.4.2"]
    project.configure(labels={"base": "patched"})
    project.repo.git("update-index", "--assume-unchanged", "shipmark.yml")
    project.must("run", "--rebuild", "v1.4.2")
    assert {project.tags[tag] for tag in ("1.4", "1", "latest")} == {project.tags["1.4.2_r1"]}
    preview = back(project, "1.4.2_r1", "--preview").stdout
    assert "record:yanked" not in preview
    project.must("deployed", "production", f"{project.image}:1.4.2_r1")
    result = back(project, "1.4.2", "--json")
    assert "environment `production` runs 1.4.2_r1" in result.stderr
    assert result.json["yanked"] == ["1.4.2_r1"]
    assert "taking back: 1.4.2_r1" in result.stderr
    assert {project.tags[tag] for tag in ("1.4", "1", "latest")} == {first}
    listed = {one["release"]: one["state"] for one in project.must("log", "list", "--json").json["releases"]}
    assert listed == {"1.4.2_r1": "yanked", "1.4.2": "released"}
    runs = project.must("log", "deployed").stdout
    assert "production  1.4.2_r1" in runs
    assert "taken back" in runs
    project.configure()
    project.must("run")
    assert project.tags["latest"] == first
    refused = project("rollback", "--to", "1.4.2_r1", "--reason", "no")
    assert refused.code == 6
    assert "1.4.2_r1 was taken back itself" in refused.stderr


def test_run_records_that_a_tag_is_right_again_which_another_log_moved_back(released: Project) -> None:
    log = released.repo.path / ".shipmark" / "log.jsonl"
    for _ in range(2):  # the second record is not taken for the first
        back(released, "1.4.2")
        kept = log.read_bytes()
        log.unlink()  # a runner with a log of its own
        released.must("restore", "1.5.0", "--reason", "it works")
        log.write_bytes(kept)
        released.must("run")
        assert (
            released.must("log", "at", "latest", "2100-01-01", "--json").json["tags"][0]["hold"]["version"]
            == "1.5.0"
        )
        released.must("log", "verify", "--registry")
        assert "nothing to do" in released.must("run").stderr


def test_restore_leaves_the_tags_of_a_higher_git_tag_that_is_not_released_yet(released: Project) -> None:
    back(released, "1.4.2")
    released.release_commit("v1.6.0")
    result = released.must("restore", "1.5.0", "--reason", "it works")
    assert "`1`, `latest` stay where they are: 1.6.0 is higher, and has no image in" in result.stderr
    tags = released.tags
    assert (tags["1.5"], tags["latest"]) == (tags["1.5.0"], tags["1.4.2"])
    released.must("run")
    assert released.tags["latest"] == released.tags["1.6.0"]


@pytest.mark.parametrize("rebuilt", [False, True], ids=["version", "rebuild"])
def test_rollback_of_a_line_does_not_wait_for_the_release_of_a_higher_git_tag(
    released: Project, rebuilt: bool
) -> None:
    if rebuilt:
        released.must("run", "--rebuild")
    released.release_commit("v1.6.0")
    result = back(released, "1.4.2", "--line", "1.5")
    for tag in ("latest", "1"):
        text = f"`{tag}` returns to 1.4.2: 1.6.0 is higher, and has no image in `{released.image}` yet"
        assert text in result.stderr
    tags = released.tags
    assert tags["latest"] == tags["1"] == tags["1.4.2"]
    released.must("run")
    assert released.tags["latest"] == released.tags["1.6.0"]


def test_rollback_leaves_a_tag_that_holds_a_version_that_still_counts_below_a_higher_git_tag(
    released: Project,
) -> None:
    released.release_commit("v2.0.0")
    released.release_commit("v1.6.0")
    released.must("run")
    assert released.tags["latest"] == released.tags["1.5.0"]
    result = back(released, "1.4.2", "--line", "1.4")
    assert (
        f"`latest` stays where it is: 2.0.0 is higher, and has no image in `{released.image}` yet"
        in result.stderr
    )
    tags = released.tags
    assert (tags["latest"], tags["1"]) == (tags["1.5.0"], tags["1.6.0"])
