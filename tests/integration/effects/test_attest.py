"""`attest: release` attaches one release statement to the image on every target."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.oci import Descriptor, Repository
from release.oci.attached import referrers_tag
from release.transfer.referrers import find_referrers
from release.transfer.statement_artifacts import make_statement, push_artifact
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.images import make_image, store
from tests.support.registries.referrers import FOREIGN, ForeignRegistry, list_referrers
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project
from tests.support.services.required import program, require

IN_TOTO = "application/vnd.in-toto+json"
RELEASE = {"1.4.2", "1.4", "1", "latest"}
EXTENSION = "https://shipmark.dev/release/v1"


@pytest.fixture
def attesting(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project with `attest: release` whose registry is behind the gate, ready to release v1.4.2."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app", attest="release")
    project.release_commit("v1.4.2")
    return project


def hanging(targets: TargetsFactory, host: str, digest: str, name: str = "acme/app") -> list[dict[str, Any]]:
    """Return the referrers of an image, each with its statement, read by the registry client."""
    repository = targets().open(f"{host}/{name}")
    return [read(repository, one.digest) for one in find_referrers(repository, digest)]


def read(repository: Repository, digest: str) -> dict[str, Any]:
    manifest = json.loads(repository.manifest(digest).raw)
    (layer,) = manifest["layers"]
    described = Descriptor(media_type=layer["mediaType"], digest=layer["digest"], size=layer["size"])
    with repository.open_blob(described) as stream:
        return {**manifest, "digest": digest, "statement": json.loads(stream.read())}


def writes(project: Project, since: int = 0) -> list[str]:
    return [
        f"{one.method} {one.path}"
        for one in project.registry.access_log()[since:]
        if one.method not in {"GET", "HEAD"}
    ]


@pytest.mark.parametrize("way", ["tag", "api"])
def test_release_statement_is_attached_to_the_image_and_found_by_the_next_run(
    attesting: Project, gate: Gate, make_targets: TargetsFactory, way: str
) -> None:
    if way == "api":
        list_referrers(gate)
    attesting.must("run")
    digest = attesting.tags["1.4.2"]
    assert (referrers_tag(digest) in attesting.tags) == (way == "tag")
    (artifact,) = hanging(make_targets, gate.host, digest)
    assert artifact["artifactType"] == IN_TOTO
    assert artifact["subject"]["digest"] == digest
    assert artifact["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert artifact["annotations"]["in-toto.io/predicate-type"].endswith("/attestation/release/v0.1")
    released = next(entry for entry in attesting.log if entry["kind"] == "released")
    said = artifact["statement"]["predicate"][EXTENSION]
    assert said == {
        "release": released["release"],
        "version": "1.4.2",
        "commit": released["commit"],
        "tags": ["1.4.2", f"sha-{released['commit'][:12]}"],
        "log": f"{released['seq']}:{released['hash']}",
    }
    (subject,) = artifact["statement"]["subject"]
    assert subject == {"name": f"{gate.host}/acme/app", "digest": {"sha256": digest.removeprefix("sha256:")}}
    exported = [
        json.loads(one) for one in attesting.must("log", "export", "--format", "in-toto").stdout.splitlines()
    ]
    assert exported == [artifact["statement"]]
    before = len(attesting.registry.access_log())
    again = attesting.must("run", "--json").json
    assert [one["state"] for one in again["releases"][0]["steps"] if one["kind"] == "attest"] == ["done"]
    assert writes(attesting, before) == []
    assert hanging(make_targets, gate.host, digest) == [artifact]


@pytest.fixture
def listing(gate: Gate, tmp_path: Path) -> Iterator[str]:
    """Give the address of a registry with the referrers API: a real server, if the environment names one."""
    if FOREIGN not in os.environ:
        list_referrers(gate)
        yield gate.host
        return
    foreign = ForeignRegistry(tmp_path)
    yield foreign.host
    foreign.close()


def test_registry_with_the_referrers_api_gets_no_fallback_tag(
    make_project: Callable[..., Project], listing: str, make_targets: TargetsFactory
) -> None:
    project = make_project(image=f"{listing}/acme/app", attest="release")
    project.release_commit("v1.4.2")
    digest = project.must("run").stdout.strip().rpartition("@")[2]
    (artifact,) = hanging(make_targets, listing, digest)
    assert artifact["statement"]["predicate"][EXTENSION]["version"] == "1.4.2"
    assert referrers_tag(digest) not in make_targets().open(f"{listing}/acme/app").tags()
    assert "nothing to do" in project.must("run").stderr
    assert len(hanging(make_targets, listing, digest)) == 1


def test_registry_that_sends_oci_subject_without_the_api_gets_a_fallback_tag(
    attesting: Project, gate: Gate, make_targets: TargetsFactory
) -> None:
    """Like ECR, the registry sends `OCI-Subject` in its answer to the PUT, and 404 for the list of referrers."""

    def pretend(passage: Passage) -> list[tuple[str, str]]:
        return [("OCI-Subject", f"sha256:{'0' * 64}")] if passage.method == "PUT" else []

    gate.adds = pretend
    attesting.must("run")
    digest = attesting.tags["1.4.2"]
    assert referrers_tag(digest) in attesting.tags
    assert len(hanging(make_targets, gate.host, digest)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (400, [("Content-Type", "application/json")], b'{"errors":[{"code":"UNSUPPORTED"}]}'),
        (406, [("Content-Type", "text/plain")], b"no"),
        (501, [("Content-Type", "text/plain")], b"no"),
        (200, [("Content-Type", "text/html")], b"<html>sign in</html>"),
    ],
    ids=["400", "406", "501", "html"],
)
def test_registry_that_answers_without_a_referrers_list_gets_a_fallback_tag(
    gate: Gate, make_targets: TargetsFactory, answer: Any
) -> None:
    repository = make_targets().open(f"{gate.host}/app")
    image = make_image()
    store(image, repository, "1.0")
    gate.instead = lambda passage: answer if "/referrers/" in passage.path else None
    made = make_statement(b"x", image.descriptor(), predicate_type="https://example.com/x", annotations={})
    push_artifact(repository, made, cancel=Cancel())
    assert [item.digest for item in find_referrers(repository, image.digest)] == [made.manifest.digest]
    assert referrers_tag(image.digest) in repository.tags()


def test_denied_referrers_request_causes_a_warning_and_no_fallback_tag(
    attesting: Project, gate: Gate
) -> None:
    denied = b'{"errors":[{"code":"DENIED","message":"not for you"}]}'
    gate.instead = lambda passage: (
        (403, [("Content-Type", "application/json")], denied) if "/referrers/" in passage.path else None
    )
    result = attesting.must("run")
    assert "has this release without its statement" in result.stderr
    assert not [tag for tag in attesting.tags if tag.startswith("sha256-")]


def test_preview_shows_the_attest_step_and_runs_without_attest_request_no_referrers(
    attesting: Project,
) -> None:
    shown = attesting.must("preview").stdout
    assert (
        f"attest:{attesting.image}" in shown.replace(attesting.registry.host, "")
        or "attach the release" in shown
    )
    attesting.must("run")
    assert "attached as sha256:" in attesting.must("preview").stdout
    attesting.configure(project="acme/app")
    before = len(attesting.registry.access_log())
    attesting.release_commit("v1.4.3")
    attesting.must("run")
    later = attesting.registry.access_log()[before:]
    assert not [one for one in later if "/referrers/" in one.path or "/sha256-" in one.path]


def test_image_inspect_and_skopeo_show_the_attached_statement(attesting: Project, gate: Gate) -> None:
    require("skopeo")
    attesting.must("run")
    digest = attesting.tags["1.4.2"]
    image = f"{gate.host}/acme/app"
    found = attesting.must("image", "inspect", f"{image}:1.4.2", "--json").json["referrers"]
    assert [one["artifact_type"] for one in found] == [IN_TOTO]
    argv = [program("skopeo"), "inspect", "--raw", "--tls-verify=false"]
    raw = subprocess.run(
        [*argv, f"docker://{image}:{referrers_tag(digest)}"], capture_output=True, check=True
    ).stdout
    (entry,) = json.loads(raw)["manifests"]
    assert (entry["digest"], entry["artifactType"]) == (found[0]["digest"], IN_TOTO)
    # The artifact itself skopeo 1.9 does not show: its config is no image's.
    stored, raw = attesting.registry.manifest("acme/app", entry["digest"])
    assert stored == entry["digest"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def is_statement(gate: Gate) -> Callable[[Passage], bool]:
    """Return a function that recognises the request that puts the statement: by digest, after `latest` was moved."""
    moved: list[Passage] = []

    def found(passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith("/manifests/latest"):
            moved.append(passage)
        return bool(moved) and passage.method == "PUT" and "/manifests/sha256" in passage.path

    return found


def test_release_succeeds_although_its_statement_cannot_be_attached(
    attesting: Project, gate: Gate, make_targets: TargetsFactory
) -> None:
    chosen = is_statement(gate)
    refused = b'{"errors":[{"code":"MANIFEST_INVALID","message":"no artifacts here"}]}'
    gate.instead = lambda passage: (
        (400, [("Content-Type", "application/json")], refused) if chosen(passage) else None
    )
    result = attesting.must("run")
    assert "has this release without its statement" in result.stderr
    assert "is not required" not in result.stderr
    assert set(attesting.tags) >= RELEASE
    kinds = attesting.kinds()
    assert kinds[-2:] == ["released", "moved"]
    gate.instead = lambda passage: None
    again = attesting.must("run")
    assert "without its statement" not in again.stderr
    assert len(hanging(make_targets, gate.host, attesting.tags["1.4.2"])) == 1
    assert attesting.kinds() == kinds  # a replica of the log needs no entry of its own


def test_each_target_has_a_release_statement_with_its_own_name(
    make_project: Callable[..., Project], gate: Gate, make_targets: TargetsFactory
) -> None:
    images = [f"{gate.host}/acme/app", f"{gate.host}/acme/copy"]
    project = make_project(image=None, images=images, project="acme/app", attest="release")
    project.release_commit("v1.4.2")
    project.must("run")
    for name in ("acme/app", "acme/copy"):
        (artifact,) = hanging(make_targets, gate.host, project.tags["1.4.2"], name)
        assert artifact["statement"]["subject"][0]["name"] == f"{gate.host}/{name}"
    assert "nothing to do" in project.must("run").stderr


def test_release_repeated_without_its_log_attaches_no_second_statement(
    attesting: Project, gate: Gate, shipmark: Shipmark, tmp_path: Path, make_targets: TargetsFactory
) -> None:
    attesting.must("run")
    digest = attesting.tags["1.4.2"]
    clone = attesting.repo.clone(tmp_path / "clone")
    clone.checkout("v1.4.2")
    clone.write({"shipmark.yml": (attesting.repo.path / "shipmark.yml").read_text()})
    result = shipmark("run", cwd=clone.path)
    assert result.code == 0, result.stderr
    first = next(entry for entry in attesting.log if entry["kind"] == "released")
    (artifact,) = hanging(make_targets, gate.host, digest)
    assert artifact["annotations"]["dev.shipmark.log"] == f"{first['seq']}:{first['hash']}"
    assert "with an anchor in another log" in shipmark("preview", cwd=clone.path).stdout


class Kill:
    """Kills a run once the registry has answered its `number`th write after `latest` was moved."""

    def __init__(self, project: Project, gate: Gate, number: int) -> None:
        self.effect = ""
        self._number = number
        self._seen: list[Passage] = []
        self._running: list[subprocess.Popen[bytes]] = []
        self._started = threading.Event()
        gate.after = self._strike
        self._running.append(project.start("run"))
        self._started.set()
        self.code = self._running[0].wait(60)
        gate.after = lambda passage: True

    def _strike(self, passage: Passage) -> bool:
        is_latest = passage.method == "PUT" and passage.path.endswith("/manifests/latest")
        if passage.number and (self._seen or is_latest):
            self._seen.append(passage)
            if len(self._seen) == self._number + 1:
                self._started.wait(10)
                self.effect = f"{passage.method} {passage.path.partition('?')[0]}"
                os.kill(self._running[0].pid, signal.SIGKILL)
        return True


def test_attestation_killed_at_any_request_is_finished_by_the_next_run(
    attesting: Project, gate: Gate, make_targets: TargetsFactory
) -> None:
    effects = []
    for number in range(12):
        attesting.release_commit(f"v1.5.{number}")
        kill = Kill(attesting, gate, number)
        if kill.code == 0:  # so many writes there are not
            break
        assert kill.code == -signal.SIGKILL
        effects.append(kill.effect)
        attesting.must("run")
        digest = attesting.tags[f"1.5.{number}"]
        assert attesting.tags["latest"] == digest
        assert len(hanging(make_targets, gate.host, digest)) == 1, effects
    assert len([one for one in effects if "/blobs/" in one]) >= 2, effects
    assert [one.rpartition("/")[2][:7] for one in effects[-2:]] == ["sha256:", "sha256-"], effects
    attesting.must("log", "verify")


def test_release_statement_is_attached_in_an_oci_layout_once(make_project: Callable[..., Project]) -> None:
    project = make_project(image="oci:dist/image", project="acme/app", attest="release")
    project.release_commit("v1.4.2")
    project.must("run")
    found = project.must("image", "inspect", "oci:dist/image:1.4.2", "--json").json
    assert [one["artifact_type"] for one in found["referrers"]] == [IN_TOTO]
    before = (project.repo.path / "dist/image/index.json").read_bytes()
    assert "nothing to do" in project.must("run").stderr
    assert (project.repo.path / "dist/image/index.json").read_bytes() == before


def test_unreachable_optional_target_causes_one_warning_with_attest(
    make_project: Callable[..., Project], gate: Gate
) -> None:
    images = [f"{gate.host}/acme/app", {"image": "127.0.0.1:1/acme/app", "required": False}]
    project = make_project(image=None, images=images, project="acme/app", attest="release")
    project.release_commit("v1.4.2")
    result = project.must("run")
    assert "without its statement" not in result.stderr
    assert result.stderr.count("is not required") == 1


class TestTheListUnderTheTag:
    @pytest.fixture
    def repository(self, gate: Gate, make_targets: TargetsFactory) -> Repository:
        return make_targets().open(f"{gate.host}/app")

    @staticmethod
    def about(repository: Repository, text: str) -> Any:
        image = make_image()
        store(image, repository, "1.0")
        return make_statement(
            text.encode(),
            image.descriptor(),
            predicate_type="https://example.com/x",
            annotations={"of": text},
        )

    def test_referrers_fallback_tag_keeps_entries_of_other_writers(
        self, repository: Repository, gate: Gate
    ) -> None:
        one = self.about(repository, "one")
        theirs = make_image({"theirs": b"1"})
        store(theirs, repository)
        entry = {
            "mediaType": theirs.manifest.media_type,
            "digest": theirs.digest,
            "size": len(theirs.manifest.raw),
            "data": "e30=",
            "x-theirs": {"a": [1]},
        }
        digest = json.loads(one.manifest.raw)["subject"]["digest"]
        self.overwrite(gate, digest, [entry], {"x-top": "kept"})
        push_artifact(repository, one, cancel=Cancel())
        document = json.loads(repository.manifest(referrers_tag(digest)).raw)
        assert document["manifests"][0] == entry
        assert document["manifests"][1]["digest"] == one.manifest.digest
        assert document["manifests"][1]["annotations"]["of"] == "one"
        assert document["x-top"] == "kept"
        before = document
        push_artifact(repository, one, cancel=Cancel())
        assert json.loads(repository.manifest(referrers_tag(digest)).raw) == before

    def test_overwritten_entry_of_the_referrers_fallback_tag_is_restored(
        self, repository: Repository, gate: Gate
    ) -> None:
        one = self.about(repository, "one")
        theirs = make_image({"theirs": b"1"})
        store(theirs, repository)
        entry = {
            "mediaType": theirs.manifest.media_type,
            "digest": theirs.digest,
            "size": len(theirs.manifest.raw),
        }
        digest = json.loads(one.manifest.raw)["subject"]["digest"]
        lost: list[Passage] = []

        def overwrite(passage: Passage) -> bool:
            if passage.method == "PUT" and "/manifests/sha256-" in passage.path and len(lost) < 2:
                lost.append(passage)
                self.overwrite(gate, digest, [entry], {})
            return True

        gate.after = overwrite
        push_artifact(repository, one, cancel=Cancel())
        assert len(lost) == 2
        assert [item.digest for item in find_referrers(repository, digest)] == [
            theirs.digest,
            one.manifest.digest,
        ]

    def test_referrers_fallback_tag_has_the_entries_of_all_concurrent_writers_after_a_second_run(
        self, gate: Gate, make_targets: TargetsFactory, repository: Repository
    ) -> None:
        """Concurrent writers can overwrite one another's entries; the next run of a writer restores its own entry."""
        artifacts = [self.about(repository, str(number)) for number in range(6)]
        digest = json.loads(artifacts[0].manifest.raw)["subject"]["digest"]
        for _ in range(2):
            threads = [
                threading.Thread(
                    target=push_artifact,
                    args=(make_targets().open(f"{gate.host}/app"), one),
                    kwargs={"cancel": Cancel()},
                )
                for one in artifacts
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            missing = {one.manifest.digest for one in artifacts} - {
                item.digest for item in find_referrers(repository, digest)
            }
            if not missing:
                break
        for one in artifacts:  # the next runs, one after another
            push_artifact(repository, one, cancel=Cancel())
        found = [item.digest for item in find_referrers(repository, digest)]
        assert sorted(found) == sorted(one.manifest.digest for one in artifacts)

    @staticmethod
    def overwrite(gate: Gate, digest: str, entries: list[dict[str, Any]], more: dict[str, Any]) -> None:
        kind = "application/vnd.oci.image.index.v1+json"
        raw = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries, **more}).encode()
        status, _, body = gate.registry.request(
            "PUT",
            f"/v2/app/manifests/{referrers_tag(digest)}",
            body=raw,
            headers={"Content-Type": kind, "Content-Length": str(len(raw))},
        )
        assert status == 201, body
