"""`run` and `log verify --blobs` notice a blob that a registry lost, and put it back from a place that has it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.releases.project import Project


@pytest.fixture
def released(project: Project) -> Project:
    """Give the project with v1.4.2 released."""
    project.must("run")
    return project


def lose_layer(project: Project) -> str:
    """Delete the first layer of 1.4.2 in the registry; return its path there."""
    layer = json.loads(project.registry.manifest(project.name, "1.4.2")[1])["layers"][0]["digest"]
    path = f"/v2/{project.name}/blobs/{layer}"
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


def test_log_verify_with_blobs_and_without_registry_is_refused(project: Project) -> None:
    refused = project("log", "verify", "--blobs")
    assert (refused.code, "hint: add `--registry`" in refused.stderr) == (2, True)
