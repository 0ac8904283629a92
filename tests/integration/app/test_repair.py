"""`run` and `log verify --blobs` notice a blob that a registry lost, and put it back from a place that has it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.releases.project import Project


@pytest.fixture
def released(project: Project) -> Project:
    """Give the project with v1.4.2 released."""
    project.must("run")
    return project


def layer_of(project: Project) -> str:
    """Return the digest of the first layer of 1.4.2."""
    digest: str = json.loads(project.registry.manifest(project.name, "1.4.2")[1])["layers"][0]["digest"]
    return digest


def stored(project: Project, digest: str) -> Path:
    """Return the file of a blob in the registry's storage."""
    name = digest.removeprefix("sha256:")
    return project.registry.root / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


def lose_layer(project: Project) -> str:
    """Delete the first layer of 1.4.2 in the registry; return its path there."""
    path = f"/v2/{project.name}/blobs/{layer_of(project)}"
    assert project.registry.request("DELETE", path)[0] == 202
    assert project.registry.request("GET", path)[0] == 404
    return path


def test_run_puts_back_a_blob_that_the_registry_lost(released: Project) -> None:
    path = lose_layer(released)
    entries = len(released.log)
    assert f"{released.image} lost 1 blobs of" in released.must("preview").stdout
    assert released.registry.request("GET", path)[0] == 404
    told = released.must("run").stderr
    assert f"`{released.image}` had lost blob {path.rpartition('/')[2]}: put back from `oci:" in told
    assert released.registry.request("GET", path)[0] == 200
    assert len(released.log) == entries
    assert "put back" not in released.must("run").stderr
    # Labels are in the config: those of the local store say what the tags hold.
    document = json.loads(released.registry.manifest(released.name, "1.4.2")[1])
    config = f"/v2/{released.name}/blobs/{document['config']['digest']}"
    assert released.registry.request("DELETE", config)[0] == 202
    assert "it holds 1.4.2 already" in released.must("preview").stdout
    assert "put back from `oci:" in released.must("run").stderr
    assert released.registry.request("GET", config)[0] == 200
    assert len(released.log) == entries


def test_log_verify_puts_back_a_blob_from_the_store_or_another_repository(
    released: Project, tmp_path: Path
) -> None:
    released.must("promote", f"{released.image}:1.4.2", "--to", "oci:dist/kept")
    path = lose_layer(released)
    findings = {one["finding"] for one in released.must("log", "verify", "--registry", "--json").json["tags"]}
    assert findings == {"same"}
    assert released.registry.request("GET", path)[0] == 404
    shutil.rmtree(tmp_path / "home" / "cache")
    told = released.must("log", "verify", "--registry", "--blobs", "--json")
    found = {one["finding"] for one in told.json["tags"] if one["target"] == released.image}
    assert found == {"restored"}
    assert "put back from `oci:" in told.stderr
    assert released.registry.request("GET", path)[0] == 200


def test_log_verify_exits_5_for_a_lost_blob_that_nothing_else_has(released: Project, tmp_path: Path) -> None:
    path = lose_layer(released)
    shutil.rmtree(tmp_path / "home" / "cache")
    told = released("log", "verify", "--registry", "--blobs")
    assert (told.code, released.registry.request("GET", path)[0]) == (5, 404)
    assert "cannot be pulled" in told.stderr
    assert "hint: copy the image from where it still is" in told.stderr


def test_blob_cut_off_in_the_storage_counts_as_lost_and_is_put_back_once_its_file_is_deleted(
    released: Project,
) -> None:
    layer = layer_of(released)
    file = stored(released, layer)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert f"{released.image} lost 1 blobs of" in released.must("preview").stdout
    refused = released("run")
    assert (refused.code, file.read_bytes()) == (5, whole[:-1])
    assert f"stores blob `{layer}` with another size than {len(whole)} bytes, and kept it" in refused.stderr
    assert f"hint: delete the file `{file.parts[-3]}/{file.parts[-2]}/data`" in refused.stderr
    told = released("log", "verify", "--registry", "--blobs", "--json")
    assert (told.code, {one["finding"] for one in told.json["tags"]}) == (5, {"damaged"})
    file.unlink()
    told = released.must("log", "verify", "--registry", "--blobs", "--json")
    assert {one["finding"] for one in told.json["tags"]} == {"restored"}
    assert file.read_bytes() == whole


def test_config_and_layer_are_put_back_from_the_place_that_has_them_whole(
    released: Project, tmp_path: Path
) -> None:
    released.must("promote", f"{released.image}:1.4.2", "--to", "oci:dist/kept")
    document = json.loads(released.registry.manifest(released.name, "1.4.2")[1])
    config, layer = document["config"]["digest"], document["layers"][0]["digest"]
    for digest in (config, layer):
        stored(released, digest).unlink()
    # The store's layer has the right size and other bytes, and its config is cut off.
    for folder, _, names in os.walk(tmp_path / "home" / "cache"):
        for name in names:
            path = Path(folder, name)
            if name == layer.removeprefix("sha256:"):
                path.write_bytes(b"x" * path.stat().st_size)
            if name == config.removeprefix("sha256:"):
                path.write_bytes(b"{")
    told = released("log", "verify", "--registry", "--blobs")
    assert (told.code, told.stderr.count("put back from `oci:dist/kept`")) == (0, 2)
    for digest in (config, layer):
        assert stored(released, digest).stat().st_size > 1


def test_log_verify_with_blobs_and_without_registry_is_refused(project: Project) -> None:
    refused = project("log", "verify", "--blobs")
    assert (refused.code, "hint: add `--registry`" in refused.stderr) == (2, True)
