"""Version tags that only the registry has are listed by `log verify --registry`, and recorded by `log adopt`."""

from __future__ import annotations

import json
import shutil

from tests.support.releases.project import Project


def put(project: Project, source: str, tag: str) -> None:
    """Give an image of the registry another tag, as another tool does."""
    _, raw = project.registry.manifest(project.name, source)
    headers = {"Content-Type": json.loads(raw)["mediaType"]}
    project.registry.request("PUT", f"/v2/{project.name}/manifests/{tag}", body=raw, headers=headers)


def test_log_adopt_restores_the_releases_of_a_lost_log_from_the_registry(project: Project) -> None:
    project.must("run")
    project.release_commit("v1.5.0")
    project.must("run")
    digests = project.tags
    shutil.rmtree(project.repo.path / ".shipmark")
    listed = project.must("log", "verify", "--registry")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["unrecorded", "unrecorded"]
    assert "shipmark log adopt" in listed.stderr
    assert project("log", "adopt", "9.9.9").code == 2
    one = project.must("log", "adopt", "1.4.2", "--json").json["tags"]
    assert [(tag["tag"], tag["digest"], tag["refused"]) for tag in one] == [("1.4.2", digests["1.4.2"], "")]
    assert "as git tag `v1.4.2` does" in one[0]["evidence"]
    assert "recorded" in project.must("log", "adopt").stdout
    assert "the log has every version tag" in project.must("log", "adopt").stdout
    found = project.must("log", "verify", "--registry", "--json").json["tags"]
    assert {tag["tag"]: tag["finding"] for tag in found} == {"1.4.2": "same", "1.5.0": "same"}
    releases = project.must("log", "list", "--json").json["releases"]
    assert {one["version"]: (one["state"], one["digest"]) for one in releases} == {
        version: ("released", digests[version]) for version in ("1.4.2", "1.5.0")
    }
    # A run for a release that was adopted, and a new release, find nothing to object to.
    project.must("run")
    project.release_commit("v1.5.1")
    project.must("run")
    assert project.tags["latest"] == project.tags["1.5.1"]
    assert {tag: project.tags[tag] for tag in ("1.4.2", "1.5.0")} == {
        tag: digests[tag] for tag in ("1.4.2", "1.5.0")
    }


def test_log_adopt_records_no_tag_whose_image_has_another_version_label(project: Project) -> None:
    project.must("run")
    put(project, "1.4.2", "1.4.9")  # its image says version 1.4.2
    project.release_commit("v1.6.0")
    before = len(project.log)
    refused = project("log", "adopt")
    assert refused.code == 6
    assert "its image says version 1.4.2" in refused.stdout
    assert "1 of 1 tags were not recorded" in refused.stderr
    assert len(project.log) == before
    assert project.must("log", "verify", "--registry").code == 0
