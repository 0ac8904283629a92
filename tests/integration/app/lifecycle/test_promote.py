"""`shipmark promote` copies an existing digest to another repository; `shipmark deployed` records where it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.oci import OCI_INDEX, OCI_MANIFEST
from release.tagging.labels import REVISION, VERSION
from release.transfer.referrers import attach, find_referrers
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project

OTHER = make_image({"other": b"other"})


@pytest.fixture
def released(project: Project) -> Project:
    """Give the project with v1.4.2 released."""
    project.must("run")
    return project


def promoted(project: Project) -> list[dict[str, Any]]:
    return [entry for entry in project.log if entry["kind"] == "promoted"]


def since(project: Project, before: int) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in project.registry.access_log()[before:]]


def next_release(project: Project, git_tag: str) -> str:
    project.release_commit(git_tag)
    project.must("run")
    return project.tags[git_tag.removeprefix("v")]


def test_promotion_sets_the_tags_of_the_release_in_another_repository_without_an_upload(
    released: Project,
) -> None:
    digest = released.tags["1.4.2"]
    before = len(released.registry.access_log())
    to = f"{released.registry.host}/acme/prod"
    result = released.must("promote", f"{released.image}:1.4.2", "--to", to)
    assert released.registry.tags("acme/prod") == dict.fromkeys(["1.4.2", "1.4", "1", "latest"], digest)
    assert result.stdout.split() == [f"{to}:{tag}@{digest}" for tag in ("1.4.2", "1.4", "1", "latest")]
    uploads = [path for method, path in since(released, before) if method == "POST" and "mount=" in path]
    assert uploads
    sent = [path for method, path in since(released, before) if method == "PUT" and "/blobs/" in path]
    assert sent == []


def test_promotion_is_recorded_with_its_source_and_release(released: Project) -> None:
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.4.2", "--to", f"{to}:1.4.2,stable")
    (entry,) = promoted(released)
    planned = next(one for one in released.log if one["kind"] == "planned")
    assert entry["release"] == planned["release"]
    assert (entry["from"], entry["to"]) == (released.image, to)
    assert entry["digest"] == released.tags["1.4.2"]
    assert [(tag["name"], tag["result"]) for tag in entry["tags"]] == [
        ("1.4.2", "created"),
        ("stable", "moved"),
    ]
    assert "the chain is whole" in released.must("log", "verify").stdout


def test_repeated_promotion_changes_and_records_nothing(released: Project) -> None:
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.4.2", "--to", to)
    entries, before = len(released.log), len(released.registry.access_log())
    again = released.must("promote", f"{released.image}:1.4.2", "--to", to, "--json")
    assert {method for method, _ in since(released, before)} <= {"GET", "HEAD"}
    assert len(released.log) == entries
    assert {step["state"] for step in again.json["steps"]} == {"done"}


def test_preview_of_a_promotion_lists_the_steps_and_changes_nothing(released: Project) -> None:
    to = f"{released.registry.host}/acme/prod"
    entries, before = len(released.log), len(released.registry.access_log())
    shown = released.must("promote", f"{released.image}:1.4.2", "--to", to, "--preview", "--json").json
    assert shown["schema"] == "shipmark.promote/1"
    assert {method for method, _ in since(released, before)} <= {"GET", "HEAD"}
    assert len(released.log) == entries
    done = released.must("promote", f"{released.image}:1.4.2", "--to", to, "--json").json
    assert [step["id"] for step in shown["steps"]] == [step["id"] for step in done["steps"]]
    assert shown["plan"] == done["plan"]


def test_promotion_of_an_older_release_withholds_the_tags_of_a_newer_promoted_one(released: Project) -> None:
    newer = next_release(released, "v1.5.0")
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.5.0", "--to", to)
    older = released.must("promote", f"{released.image}:1.4.2", "--to", to, "--json")
    held = released.registry.tags("acme/prod")
    assert held["1.4"] == held["1.4.2"] == released.tags["1.4.2"]
    assert held["latest"] == held["1"] == held["1.5.0"] == newer
    withheld = {one["name"]: one["reason"] for one in older.json["withheld"]}
    assert withheld == {"1": "1.5.0 is higher", "latest": "1.5.0 is higher"}
    recorded = promoted(released)
    assert {tag["name"]: tag["result"] for tag in recorded[-1]["tags"]} == {
        "1.4.2": "created",
        "1.4": "moved",
        "1": "withheld",
        "latest": "withheld",
    }
    before = len(released.registry.access_log())
    again = released.must("promote", f"{released.image}:1.4.2", "--to", to)
    assert f"- {to}:latest withheld: 1.5.0 is higher" in again.stderr
    assert {method for method, _ in since(released, before)} <= {"GET", "HEAD"}
    assert promoted(released) == recorded


def test_version_that_was_never_promoted_does_not_withhold_tags(released: Project) -> None:
    next_release(released, "v2.0.0")
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.4.2", "--to", to)
    assert released.registry.tags("acme/prod")["latest"] == released.tags["1.4.2"]


def test_promotion_onto_a_version_tag_of_another_image_is_refused_before_sending(
    released: Project, make_targets: TargetsFactory
) -> None:
    to = f"{released.registry.host}/acme/prod"
    store(OTHER, make_targets().open(to), "1.4.2")
    before = len(released.registry.access_log())
    result = released("promote", f"{released.image}:1.4.2", "--to", to)
    assert result.code == 6
    assert OTHER.digest in result.stderr
    assert "hint: " in result.stderr
    assert {method for method, _ in since(released, before)} <= {"GET", "HEAD"}
    assert promoted(released) == []


def test_promoting_an_unversioned_tag_back_needs_allow_backward_and_a_reason(released: Project) -> None:
    next_release(released, "v1.5.0")
    to = f"{released.registry.host}/acme/prod:stable"
    released.must("promote", f"{released.image}:1.5.0", "--to", to)
    refused = released("promote", f"{released.image}:1.4.2", "--to", to)
    assert refused.code == 6
    assert "1.5.0, which is higher than 1.4.2" in refused.stderr
    assert released("promote", f"{released.image}:1.4.2", "--to", to, "--allow-backward").code == 2
    back = ("--allow-backward", "--reason", "1.5.0 is slow")
    released.must("promote", f"{released.image}:1.4.2", "--to", to, *back)
    assert released.registry.tags("acme/prod") == {"stable": released.tags["1.4.2"]}
    assert promoted(released)[-1]["reason"] == "1.5.0 is slow"


def test_each_of_five_promotions_of_a_tag_to_one_version_and_back_is_recorded(released: Project) -> None:
    next_release(released, "v1.5.0")
    to = f"{released.registry.host}/acme/prod:stable"
    back = ("--allow-backward", "--reason", "slow")
    for version in ("1.4.2", "1.5.0", "1.4.2", "1.5.0", "1.4.2"):
        released.must("promote", f"{released.image}:{version}", "--to", to, *back)
    assert len(promoted(released)) == 5


def test_promotion_copies_to_another_registry_and_to_a_layout(
    released: Project, registry_factory: Callable[..., Any]
) -> None:
    other = registry_factory()
    released.must(
        "promote",
        f"{released.image}:1.4.2",
        "--to",
        f"{other.host}/x/app:1.4.2",
        "--to",
        "oci:dist/out:1.4.2",
    )
    assert other.tags("x/app") == {"1.4.2": released.tags["1.4.2"]}
    assert (released.repo.path / "dist/out/index.json").exists()
    assert {entry["to"] for entry in promoted(released)} == {f"{other.host}/x/app", "oci:dist/out"}


def test_promotion_without_a_log_reads_the_version_from_labels(released: Project) -> None:
    released.lose_disk()
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.4.2", "--to", to)
    (entry,) = promoted(released)
    assert entry["commit"] == released.repo.head
    assert set(released.registry.tags("acme/prod")) == {"1.4.2", "1.4", "1", "latest"}


@pytest.mark.parametrize("listed", [[], ["index"], ["attestation"]])
def test_index_without_an_image_is_not_promoted(released: Project, listed: list[str]) -> None:
    def put(tag: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        raw = json.dumps(index).encode()
        path = f"/v2/{released.name}/manifests/{tag}"
        headers = {"Content-Type": OCI_INDEX}
        assert released.registry.request("PUT", path, body=raw, headers=headers)[0] == 201
        name = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return {"mediaType": OCI_INDEX, "digest": name, "size": len(raw)}

    _, raw = released.registry.manifest(released.name, "1.4.2")
    unknown = {"os": "unknown", "architecture": "unknown"}
    attested = {
        "mediaType": OCI_MANIFEST,
        "digest": released.tags["1.4.2"],
        "size": len(raw),
        "platform": unknown,
    }
    entries = {"index": put("inner", []), "attestation": attested}
    put("2.0.0", [entries[name] for name in listed])
    before = len(released.registry.access_log())
    refused = released("promote", f"{released.image}:2.0.0", "--to", f"{released.image}-prod")
    assert refused.code == 4
    assert f"`{released.image}:2.0.0` has no image for any platform" in refused.stderr
    assert {method for method, _ in since(released, before)} <= {"GET", "HEAD"}


def test_promotion_by_digest_finds_the_release(released: Project) -> None:
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}@{released.tags['1.4.2']}", "--to", to)
    assert set(released.registry.tags("acme/prod")) == {"1.4.2", "1.4", "1", "latest"}


def test_promotion_of_an_unreleased_image_needs_a_tag(
    released: Project, make_targets: TargetsFactory
) -> None:
    store(OTHER, make_targets().open(f"{released.registry.host}/else/where"), "latest")
    source = f"{released.registry.host}/else/where:latest"
    result = released("promote", source, "--to", f"{released.registry.host}/acme/prod")
    assert result.code == 2
    assert f"hint: write `--to {released.registry.host}/acme/prod:TAG`" in result.stderr
    released.must("promote", source, "--to", f"{released.registry.host}/acme/prod:stable")
    assert released.registry.tags("acme/prod") == {"stable": OTHER.digest}


def test_promotion_works_outside_of_a_git_repository(released: Project, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    folder.mkdir()
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.4.2", "--to", to, cwd=folder)
    assert set(released.registry.tags("acme/prod")) == {"1.4.2", "1.4", "1", "latest"}
    assert (folder / ".shipmark" / "log.jsonl").exists()


def test_promotion_to_a_destination_named_twice_is_recorded_once_with_all_tags(released: Project) -> None:
    to = f"{released.registry.host}/acme/prod"
    arguments = ("--to", f"{to}:stable", "--to", to, "--to", f"{to}:stable,1.4.2")
    released.must("promote", f"{released.image}:1.4.2", *arguments)
    assert set(released.registry.tags("acme/prod")) == {"1.4.2", "1.4", "1", "latest", "stable"}
    (entry,) = promoted(released)
    assert [tag["name"] for tag in entry["tags"]] == ["1.4.2", "1.4", "1", "latest", "stable"]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("prod:", "not an image reference"),
        ("prod,stable", "a comma and no tag before it"),
        ("prod:a,", "tag `` is invalid"),
        (f"prod@sha256:{'a' * 64}", "names a digest"),
    ],
)
def test_malformed_destination_of_a_promotion_is_refused(released: Project, to: str, said: str) -> None:
    result = released("promote", f"{released.image}:1.4.2", "--to", f"{released.registry.host}/{to}")
    assert result.code == 2
    assert said in result.stderr


def test_malformed_version_and_revision_labels_are_left_out_of_the_promotion_record(
    released: Project, make_targets: TargetsFactory
) -> None:
    prefix = "org.opencontainers.image"
    odd = make_image({}, labels={f"{prefix}.revision": "HEAD\0~1", f"{prefix}.version": "one\npoint"})
    store(odd, make_targets().open(f"{released.registry.host}/else/where"), "odd")
    to = f"{released.registry.host}/acme/prod:odd"
    released.must("promote", f"{released.registry.host}/else/where:odd", "--to", to)
    (entry,) = promoted(released)
    assert "commit" not in entry
    assert "version" not in entry


def test_promotion_within_the_images_own_repository_sets_the_tag(released: Project) -> None:
    released.must("promote", f"{released.image}:1.4.2", "--to", f"{released.image}:stable")
    assert released.tags["stable"] == released.tags["1.4.2"]
    assert promoted(released)[0]["to"] == released.image


def test_lost_image_is_promoted_back_from_a_destination(released: Project) -> None:
    backup = f"{released.registry.host}/acme/backup"
    released.must("promote", f"{released.image}:1.4.2", "--to", backup)
    held = released.tags
    released.must("image", "delete", "--digest", f"{released.image}@{held['1.4.2']}")
    assert released.registry.request("HEAD", f"/v2/{released.name}/manifests/1.4.2")[0] == 404
    released.must("promote", f"{backup}:1.4.2", "--to", released.image)
    found = {
        tag: released.registry.manifest(released.name, tag)[0] for tag in ("1.4.2", "1.4", "1", "latest")
    }
    assert set(found.values()) == {held["1.4.2"]}
    assert {step["state"] for step in released.must("run", "--json").json["releases"][0]["steps"]} <= {
        "done",
        "made",
    }


def test_promotion_takes_the_tags_from_the_components_rules(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=["type=semver,pattern={{version}}", "type=semver,pattern=v{{major}}"])
    project.must("run")
    to = f"{project.registry.host}/acme/prod"
    project.must("promote", f"{project.image}:1.4.1", "--to", to)
    assert set(project.registry.tags("acme/prod")) == {"1.4.1", "v1", "latest"}


def test_tags_move_to_an_index_whose_platforms_agree_on_a_version_label(
    project: Project, make_targets: TargetsFactory
) -> None:
    labels = {VERSION: "1.4.2", REVISION: "a" * 40}
    arm = make_image({"arm": b""}, labels=labels, platform="linux/arm64")
    attestation = make_image({"statement": b"{}"}, platform="unknown/unknown")  # BuildKit's have no labels
    platforms = ("linux/amd64", "linux/arm64", "unknown/unknown")
    index = make_index(make_image(labels=labels), arm, attestation, platforms=platforms)
    at_odds = make_index(make_image(labels={**labels, VERSION: "1.4.3"}), arm)
    host = project.registry.host
    for name, image in (("build-7", index), ("build-8", at_odds)):
        store(image, make_targets().open(f"{host}/acme/ci"), name)
    to = f"{host}/acme/prod:1.4.2,1.4,1,latest"
    project.must("promote", f"{host}/acme/ci:build-7", "--to", to)
    expected = dict.fromkeys(["1.4.2", "1.4", "1", "latest"], index.digest)
    assert project.registry.tags("acme/prod") == expected
    odd = project("promote", f"{host}/acme/ci:build-8", "--to", f"{host}/acme/odd:latest")
    assert "latest withheld: this commit is not a stable release" in odd.stderr
    assert "latest" not in project.registry.tags("acme/odd")


def test_only_the_fixed_tag_of_a_version_that_was_taken_back_is_copied_and_only_with_a_reason(
    released: Project,
) -> None:
    next_release(released, "v1.5.0")
    released.must("rollback", "--to", "1.4.2", "--reason", "broken")
    to = f"{released.registry.host}/acme/prod"
    refused = released("promote", f"{released.image}:1.5.0", "--to", to)
    assert (refused.code, released.registry.tags("acme/prod")) == (6, {})
    assert "1.5.0 was taken back" in refused.stderr
    assert 'hint: `--reason "..."` copies `1.5.0` all the same' in refused.stderr
    moving = released("promote", f"{released.image}:1.5.0", "--to", f"{to}:latest", "--reason", "to test it")
    assert (moving.code, released.registry.tags("acme/prod")) == (6, {})
    assert f"hint: only a fixed tag is copied: write `--to {to}:1.5.0`" in moving.stderr
    told = released.must("promote", f"{released.image}:1.5.0", "--to", to, "--reason", "to test it")
    assert set(released.registry.tags("acme/prod")) == {"1.5.0"}
    assert f"- {to}:latest withheld: 1.5.0 was taken back" in told.stderr
    assert promoted(released)[-1]["reason"] == "to test it"


def test_promotion_copies_referrers_unless_the_option_no_referrers_is_given(
    released: Project, make_targets: TargetsFactory
) -> None:
    digest, raw = released.registry.manifest(released.name, "1.4.2")
    repository = make_targets().open(released.image)
    about = {"mediaType": json.loads(raw)["mediaType"], "digest": digest, "size": len(raw)}
    sbom = make_image({"sbom": b"{}"}, extra={"subject": about, "artifactType": "application/spdx+json"})
    store(sbom, repository)
    attach(repository, sbom.manifest)
    host = released.registry.host
    without = released.must(
        "promote", f"{released.image}:1.4.2", "--to", f"{host}/acme/bare", "--json", "--no-referrers"
    ).json
    assert "copy-referrers" not in {step["kind"] for step in without["steps"]}
    assert find_referrers(make_targets().open(f"{host}/acme/bare"), digest) == ()
    command = ("promote", f"{released.image}:1.4.2", "--to", f"{host}/acme/prod", "--json")
    released.must(*command)
    (found,) = find_referrers(make_targets().open(f"{host}/acme/prod"), digest)
    assert found.digest == sbom.digest
    before = len(released.registry.access_log())
    again = released.must(*command).json
    assert {step["state"] for step in again["steps"]} == {"done"}
    assert {method for method, _ in since(released, before)} <= {"GET", "HEAD"}


def test_log_verify_with_registry_finds_no_difference_after_a_promotion(released: Project) -> None:
    to = f"{released.registry.host}/acme/prod"
    released.must("promote", f"{released.image}:1.4.2", "--to", f"{to}:1.4.2,stable")
    assert released("log", "verify", "--registry").code == 0


class TestDeployed:
    def test_deployment_is_recorded_with_digest_and_release(self, released: Project) -> None:
        released.must("deployed", "production", f"{released.image}:latest", "--evidence", "change 7")
        entry = released.log[-1]
        assert entry["kind"] == "deployed"
        assert entry["environment"] == "production"
        assert entry["image"]["digest"] == released.tags["latest"]
        assert entry["version"] == "1.4.2"
        assert entry["evidence"] == "change 7"
        assert entry["release"] == released.log[0]["release"]

    def test_deployed_with_a_version_records_the_image_of_the_first_target(self, released: Project) -> None:
        assert released.must("deployed", "production", "1.4.2").stdout.strip() == (
            f"production: {released.image}@{released.tags['1.4.2']}"
        )

    def test_environment_with_a_blank_at_its_end_is_refused(self, released: Project) -> None:
        refused = released("deployed", "production ", "1.4.2")
        assert (refused.code, "write `production`" in refused.stderr) == (2, True)

    def test_repeated_deployment_is_not_recorded_and_a_return_is(self, released: Project) -> None:
        next_release(released, "v1.5.0")
        for version in ("1.4.2", "1.4.2", "1.5.0", "1.4.2", "1.5.0"):
            released.must("deployed", "production", version)
        said = [entry["version"] for entry in released.log if entry["kind"] == "deployed"]
        assert said == ["1.4.2", "1.5.0", "1.4.2", "1.5.0"]

    def test_deployments_of_two_environments_are_independent(self, released: Project) -> None:
        released.must("deployed", "production", "1.4.2")
        assert released.must("deployed", "staging", "1.4.2", "--json").json["recorded"] is True
        assert released.must("deployed", "staging", "1.4.2", "--json").json["recorded"] is False

    def test_deployment_of_a_missing_image_is_not_recorded(self, released: Project) -> None:
        entries = len(released.log)
        assert released("deployed", "production", "9.9.9").code == 5
        assert len(released.log) == entries


@pytest.mark.parametrize("name", ["1.4.2", "v1.4.2", "digest"])
def test_image_of_this_project_is_found_in_a_layout_from_any_folder_of_the_repository(
    make_project: Callable[..., Project], name: str
) -> None:
    project = make_project(image="oci:dist/app")
    project.release_commit("v1.4.2", files={"deep/down/a": "a"})
    project.must("run")
    digest = next(one["image"]["digest"] for one in project.log if one["kind"] == "released")
    named = digest if name == "digest" else name
    for number, folder in enumerate((".", "deep", "deep/down")):
        project.must("-C", folder, "promote", named, "--to", f"oci:prod/{number}:stable")
        project.must("-C", folder, "deployed", f"env-{number}", named)
    assert {one["target"] for one in project.log if one["kind"] == "deployed"} == {"oci:dist/app"}
    assert {one["from"] for one in promoted(project)} == {"oci:dist/app"}
