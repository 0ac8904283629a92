"""Traps of registries into which scripts fall, each shown on the registry itself, and a prune that avoids them.

Source of the traps: what distribution 2.8 answers. `SHIPMARK_TEST_REGISTRY` runs the module on another registry.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from release.oci import OCI_MANIFEST
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Answer, Gate, Passage
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.retention.yard import Yard, image, index
from tests.support.services.required import require

IS_2_8 = not os.environ.get("SHIPMARK_TEST_REGISTRY")


@pytest.fixture
def yard(
    git_repo: GitRepo, shipmark: Shipmark, registry_server: RegistryServer, make_targets: TargetsFactory
) -> Yard:
    """Give a repository in the registry."""
    repository = make_targets().open(f"{registry_server.host}/acme/app")
    return Yard(git_repo, shipmark, repository, registry_server, "acme/app")


@pytest.fixture
def gated(git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory) -> Yard:
    """Give a repository behind a gate, at which a test answers in the registry's place."""
    repository = make_targets().open(f"{gate.host}/acme/app")
    return Yard(git_repo, shipmark, repository, gate.registry, "acme/app")


def test_prune_avoids_narrow_accept_headers_shared_digests_and_lost_children(
    yard: Yard, tmp_path: Path
) -> None:
    require("skopeo")
    kept, old = yard.put(index("kept"), "release-index"), yard.put(index("old"), "sha-old")
    docker = yard.put(image("docker", docker=True), "sha-docker")
    shared = yard.put(image("shared"), "sha-shared", "release-shared")
    path, narrow = "/v2/acme/app/manifests", {"Accept": OCI_MANIFEST}
    # An index looks like a tag that is free, and an image like another one. Newer registries ignore what is asked for.
    free = yard.server.request("HEAD", f"{path}/release-index", headers=narrow)[0] == 404
    assert free is IS_2_8
    _, headers, _ = yard.server.request("GET", f"{path}/sha-docker", headers=narrow)
    assert (headers.get("docker-content-digest") != docker.digest) is IS_2_8
    # A tag is deleted alone by newer registries only. The probe names a tag that does not exist.
    deletes_tags = yard.server.request("DELETE", f"{path}/sha-none")[0] != 400
    assert deletes_tags is not IS_2_8
    yard.apply()
    assert set(yard.tags) == {"release-index", "release-shared", *(() if deletes_tags else ("sha-shared",))}
    assert yard.has(kept, *kept.children, shared) == [True] * 4
    assert yard.has(old, *old.children, docker) == [False] * 4
    yard.collect_garbage()
    assert yard.pull(tmp_path / "pruned") == {}
    # What the documentation warns of: this option deletes the images of an index that has a tag.
    yard.collect_garbage("-m")
    broken = yard.pull(tmp_path / "collected")
    assert broken.keys() == ({"release-index"} if IS_2_8 else set())


def test_registry_that_deletes_every_tag_of_a_digest_gets_the_others_back(
    gated: Yard, gate: Gate, tmp_path: Path
) -> None:
    yard = gated
    one = yard.put(image("a"), "sha-1", "sha-2", "release-a", "release-b")

    def instead(passage: Passage) -> Answer | None:
        if passage.method == "DELETE" and "/manifests/sha-" in passage.path:
            status, _, body = gate.registry.request("DELETE", f"/v2/acme/app/manifests/{one.digest}")
            return status, [], body
        return None

    gate.instead = instead
    done = yard("--apply", yard.plan()["plan"])
    assert done.code == 0, done.stderr
    assert "along with `sha-1`: put back" in done.stderr
    assert yard.tags == {"release-a": one.digest, "release-b": one.digest}
    assert yard.pull(tmp_path) == {}


def test_tags_that_the_registry_keeps_of_a_deleted_manifest_are_removed(gated: Yard, gate: Gate) -> None:
    one = gated.put(index("a"), "sha-a")
    raw, kept = one.manifest.raw, list[str]()
    described = [
        ("Content-Type", one.manifest.media_type),
        ("Docker-Content-Digest", one.digest),
        ("Content-Length", str(len(raw))),
    ]

    def instead(passage: Passage) -> Answer | None:
        name = passage.path.partition("?")[0].rpartition("/")[2]
        if passage.method == "DELETE" and name == one.digest:
            kept.append("sha-a")
        if name == "sha-a" and kept:
            if passage.method == "DELETE":
                kept.clear()
                return 202, [], b""
            return 200, described, b"" if passage.method == "HEAD" else raw
        return (200, [], b'{"name": "acme/app", "tags": ["sha-a"]}') if name == "list" and kept else None

    gate.instead = instead
    done = gated("--apply", gated.plan()["plan"])
    assert done.code == 0, done.stderr
    assert "kept the tag `sha-a`" in done.stderr
    assert (kept, gated.tags, gated.has(one, *one.children)) == ([], {}, [False] * 3)
