"""`shipmark image` with real registries and layouts; skopeo checks the results independently."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.layout.layout import Layout
from release.oci import Repository
from release.transfer.referrers import attach
from tests.support.programs.command import Result, Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.images import Image, make_image, make_index, make_tar, store
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.services.docker import DockerDaemon
from tests.support.services.required import program, require

ONE = make_image({"a": b"one"}, labels={"version": "1"})
TWO = make_image({"b": b"two"})
ARM = make_image({"a": b"arm"}, platform="linux/arm64")
INDEX = make_index(ONE, ARM)


class Scene:
    """A registry, and shipmark's `image` commands run against it."""

    def __init__(self, registry: RegistryServer, shipmark: Shipmark, make_targets: TargetsFactory) -> None:
        self.registry = registry
        self.name = f"{registry.host}/acme/app"
        self._shipmark = shipmark
        self._targets = make_targets()

    def put(self, image: Image, *tags: str, name: str = "acme/app") -> None:
        store(image, self.open(name), *tags)

    def open(self, name: str) -> Repository:
        return self._targets.open(f"{self.registry.host}/{name}")

    def __call__(self, *args: str, **more: Any) -> Result:
        return self._shipmark("image", *args, **more)

    def must(self, *args: str, **more: Any) -> Result:
        result = self(*args, **more)
        assert result.code == 0, result.stderr
        return result

    def sent(self, *args: str, code: int = 0, **more: Any) -> list[tuple[str, str]]:
        """Return method and path of each request of one command, without requests to `/v2/` itself."""
        before = len(self.registry.access_log())
        result = self(*args, **more)
        assert result.code == code, result.stderr
        requests = self.registry.access_log()[before:]
        return [(one.method, one.path.removeprefix("/v2/")) for one in requests if one.path != "/v2/"]

    def tags(self, name: str = "acme/app") -> dict[str, str]:
        return self.registry.tags(name)


@pytest.fixture
def scene(registry_server: RegistryServer, shipmark: Shipmark, make_targets: TargetsFactory) -> Scene:
    return Scene(registry_server, shipmark, make_targets)


def skopeo(*args: str) -> str:
    require("skopeo")
    done = subprocess.run([program("skopeo"), *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestList:
    def test_image_list_sorts_versions_first_the_highest_on_top(self, scene: Scene) -> None:
        scene.put(ONE, "latest", "1.9.0", "1.10.0", "main", "2.0.0-rc.1", "1.10.0_r1", "1.10")
        assert scene.must("list", scene.name).stdout.split() == [
            "2.0.0-rc.1",
            "1.10.0_r1",
            "1.10.0",
            "1.9.0",
            "1.10",
            "latest",
            "main",
        ]

    def test_image_list_digests_agree_with_skopeo(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1")
        scene.put(INDEX, "2.0.0")
        listed = scene.must("list", scene.name, "--digests", "--json").json
        assert listed["schema"] == "shipmark.image-list/1"
        found = {tag["name"]: tag["digest"] for tag in listed["tags"]}
        assert found == {"2.0.0": INDEX.digest, "1.0.0": ONE.digest, "1": ONE.digest}
        seen = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{scene.name}:2.0.0")
        assert json.loads(seen) == json.loads(INDEX.manifest.raw)

    def test_image_list_without_digests_sends_one_request(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1.0.1")
        assert scene.sent("list", scene.name) == [("GET", "acme/app/tags/list?n=1000")]

    def test_image_list_of_a_missing_repository_is_empty(self, scene: Scene) -> None:
        result = scene.must("list", f"{scene.registry.host}/no/such")
        assert result.stdout == ""
        assert "has no tags, or does not exist" in result.stderr

    def test_image_list_refuses_a_reference_with_a_tag(self, scene: Scene) -> None:
        result = scene("list", f"{scene.name}:1.0.0")
        assert result.code == 2
        assert f"hint: write `{scene.name}`" in result.stderr


class TestReading:
    def test_image_digest_agrees_with_skopeo(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        said = skopeo("inspect", "--format={{.Digest}}", "--tls-verify=false", f"docker://{scene.name}:1.0.0")
        assert scene.must("digest", f"{scene.name}:1.0.0").stdout.strip() == said == ONE.digest
        assert scene.must("digest", f"docker://{scene.name}@{said}").stdout.strip() == said

    def test_image_digest_with_platform_gives_the_digest_of_that_platforms_manifest(
        self, scene: Scene
    ) -> None:
        scene.put(INDEX, "1.0.0")
        assert scene.must("digest", f"{scene.name}:1.0.0").stdout.strip() == INDEX.digest
        arm = scene.must("digest", f"{scene.name}:1.0.0", "--platform", "linux/arm64")
        assert arm.stdout.strip() == ARM.digest
        missing = scene("digest", f"{scene.name}:1.0.0", "--platform", "linux/s390x")
        assert missing.code == 5
        assert "hint: platforms of the image: `linux/amd64`, `linux/arm64`" in missing.stderr

    def test_image_inspect_gives_platforms_layers_and_labels(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        found = scene.must("inspect", f"{scene.name}:1.0.0", "--json").json
        assert found["schema"] == "shipmark.image/1"
        assert found["digest"] == INDEX.digest
        assert [one["platform"] for one in found["platforms"]] == ["linux/amd64", "linux/arm64"]
        first = found["platforms"][0]
        assert first["labels"] == {"version": "1"}
        assert first["digest"] == ONE.digest
        oracle = json.loads(
            skopeo("inspect", "--tls-verify=false", "--override-arch=amd64", f"docker://{scene.name}:1.0.0")
        )
        assert [layer["digest"] for layer in first["layers"]] == oracle["Layers"]

    def test_image_inspect_prints_platform_labels_and_base_as_text(self, scene: Scene) -> None:
        base = {"annotations": {"org.opencontainers.image.base.name": "docker.io/library/busybox"}}
        image = make_image({"x": b"x"}, labels={"team": "a"}, extra=base)
        scene.put(image, "1.0.0")
        text = scene.must("inspect", f"{scene.name}:1.0.0").stdout
        assert "linux/amd64" in text
        assert "team=a" in text
        assert "docker.io/library/busybox" in text

    def test_image_inspect_escapes_ci_commands_and_control_characters_in_labels(self, scene: Scene) -> None:
        labels = {"evil": "x\n::error::gotcha\n##[group]y\x1b[2Jz\x9b1m"}
        scene.put(make_image({"x": b"x"}, labels=labels), "1.0.0")
        shown = scene.must("inspect", f"{scene.name}:1.0.0").stdout
        assert "\x1b" not in shown
        assert "\x9b" not in shown
        assert "##[" not in shown
        assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
        told = scene.must("inspect", f"{scene.name}:1.0.0", "--json")
        assert told.json["platforms"][0]["labels"] == labels

    def test_image_digest_of_a_missing_tag_is_an_error(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        assert scene("digest", f"{scene.name}:9.9.9").code == 5

    def test_image_command_with_an_unknown_transport_is_a_usage_error(self, scene: Scene) -> None:
        result = scene("digest", "containers-storage:app")
        assert result.code == 2
        assert "hint: " in result.stderr


class TestTag:
    def test_image_tag_with_move_sends_two_requests_and_keeps_the_digest(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        scene.put(TWO, "stable")
        sent = scene.sent("tag", f"{scene.name}:1.0.0", "stable", "--move")
        assert sent == [("GET", "acme/app/manifests/1.0.0"), ("PUT", "acme/app/manifests/stable")]
        assert scene.tags()["stable"] == INDEX.digest
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{scene.name}:stable")
        assert raw.encode() == INDEX.manifest.raw

    def test_image_tag_checks_a_new_tag_before_putting_it(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        sent = scene.sent("tag", f"{scene.name}:1.0.0", "stable")
        assert [method for method, _ in sent] == ["GET", "HEAD", "PUT"]
        assert scene.tags()["stable"] == ONE.digest

    def test_image_tag_puts_nothing_if_the_tag_points_to_the_image(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1.0.1")
        assert [m for m, _ in scene.sent("tag", f"{scene.name}:1.0.0", "1.0.1", "--move")] == ["GET", "HEAD"]

    def test_image_tag_without_move_refuses_a_tag_of_another_image(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(TWO, "stable")
        result = scene("tag", f"{scene.name}:1.0.0", "stable")
        assert result.code == 6
        assert TWO.digest in result.stderr
        assert "hint: `--move`" in result.stderr
        assert scene.tags()["stable"] == TWO.digest

    @pytest.mark.parametrize(
        "tag", ["2.0.0", "2.0.0-rc.1", "2.0.0_r1", "sha-3f2a9c1b7d40", "pr-7-3f2a9c1b7d40"]
    )
    def test_image_tag_never_moves_a_fixed_tag_of_another_image(self, scene: Scene, tag: str) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(TWO, tag)
        assert {m for m, _ in scene.sent("tag", f"{scene.name}:1.0.0", tag, "--move", code=6)} == {
            "GET",
            "HEAD",
        }
        assert scene.tags()[tag] == TWO.digest

    def test_image_tag_puts_no_tag_if_one_of_the_tags_is_refused(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(TWO, "2.0.0")
        assert scene("tag", f"{scene.name}:1.0.0", "fine", "2.0.0").code == 6
        assert "fine" not in scene.tags()

    def test_image_tag_prints_its_results_as_json(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1.0.1")
        done = scene.must("tag", f"{scene.name}:1.0.0", "new", "1.0.1", "--json").json
        assert done["schema"] == "shipmark.image-tag/1"
        assert done["digest"] == ONE.digest
        assert done["tags"] == [
            {"name": "new", "result": "created"},
            {"name": "1.0.1", "result": "already-there"},
        ]

    def test_image_tag_with_an_invalid_tag_is_a_usage_error_before_any_request(self, scene: Scene) -> None:
        assert scene.sent("tag", f"{scene.name}:1.0.0", "1.0.0+build", code=2) == []


class TestCopy:
    def test_image_copy_copies_an_index_to_another_registry_with_its_digest(
        self, scene: Scene, registry_factory: Callable[..., Any]
    ) -> None:
        scene.put(INDEX, "1.0.0")
        other = registry_factory()
        result = scene.must("copy", f"{scene.name}:1.0.0", f"{other.host}/copy/app")
        assert result.stdout.strip() == f"{other.host}/copy/app:1.0.0@{INDEX.digest}"
        assert other.tags("copy/app") == {"1.0.0": INDEX.digest}
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{other.host}/copy/app:1.0.0")
        assert raw.encode() == INDEX.manifest.raw

    def test_image_copy_within_one_registry_sends_no_blob(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        sent = scene.sent("copy", f"{scene.name}:1.0.0", f"{scene.registry.host}/other/app:stable")
        mounted = [path for method, path in sent if method == "POST"]
        assert mounted
        assert all("mount=" in path and "from=acme/app" in path for path in mounted)
        assert not [path for method, path in sent if method == "PUT" and "/uploads/" in path]
        assert not [path for method, path in sent if method == "GET" and "/blobs/" in path]
        assert scene.tags("other/app") == {"stable": INDEX.digest}

    def test_image_copy_copies_an_index_into_a_layout_and_back_unchanged(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        scene.put(INDEX, "1.0.0")
        scene.must("copy", f"{scene.name}:1.0.0", "oci:dist/image", cwd=tmp_path)
        assert skopeo("inspect", "--raw", f"oci:{tmp_path}/dist/image:1.0.0").encode() == INDEX.manifest.raw
        scene.must("copy", "oci:dist/image:1.0.0", f"{scene.registry.host}/back/app", cwd=tmp_path)
        assert scene.tags("back/app") == {"1.0.0": INDEX.digest}

    def test_image_copy_with_platform_copies_the_manifest_of_that_platform(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        scene.put(INDEX, "1.0.0")
        scene.must("copy", f"{scene.name}:1.0.0", "oci:arm", "--platform", "linux/arm64", cwd=tmp_path)
        held = Layout(str(tmp_path / "arm")).resolve("1.0.0")
        assert held is not None
        assert held.digest == ARM.digest

    def test_image_copy_by_digest_puts_no_tag(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        result = scene.must("copy", f"{scene.name}@{ONE.digest}", f"{scene.registry.host}/other/app")
        assert result.stdout.strip() == f"{scene.registry.host}/other/app@{ONE.digest}"
        assert scene.tags("other/app") == {}
        assert scene.registry.manifest("other/app", ONE.digest)[0] == ONE.digest

    def test_image_copy_onto_a_version_tag_of_another_image_is_refused_before_sending(
        self, scene: Scene
    ) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(TWO, "1.0.0", name="other/app")
        sent = scene.sent("copy", f"{scene.name}:1.0.0", f"{scene.registry.host}/other/app", "--move", code=6)
        assert {method for method, _ in sent} <= {"GET", "HEAD"}
        assert scene.tags("other/app") == {"1.0.0": TWO.digest}

    def test_image_copy_stopped_by_sigterm_ends_within_five_seconds_and_leaves_no_tag(
        self, scene: Scene, gate: Gate, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        store(ONE, Layout(str(tmp_path / "image")), "1.0.0")
        began, let_go = threading.Event(), threading.Event()

        def hold(passage: Passage) -> bool:
            if passage.method == "PUT":
                began.set()
                let_go.wait(30)
            return True

        gate.before = hold
        process = shipmark.start("image", "copy", "oci:image:1.0.0", f"{gate.host}/acme/app")
        assert began.wait(30)
        process.terminate()
        _, stderr = process.communicate(timeout=5)
        let_go.set()
        assert process.returncode == 143
        assert b"SIGTERM" in stderr
        assert scene.tags() == {}

    def test_image_copy_from_a_layout_with_several_images_needs_a_tag(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        layout = Layout(str(tmp_path / "image"))
        store(ONE, layout, "a")
        store(TWO, layout, "b")
        result = scene("copy", "oci:image", scene.name, cwd=tmp_path)
        assert result.code == 2
        assert "its tags: `a`, `b`" in result.stderr

    def test_image_copy_from_a_layout_that_lacks_a_blob_puts_no_tag(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        layout = Layout(str(tmp_path / "image"))
        store(ONE, layout, "a")
        Path(layout.blob_path(next(iter(ONE.blobs)))).unlink()
        result = scene("copy", "oci:image:a", scene.name, cwd=tmp_path)
        assert result.code == 5
        assert "missing" in result.stderr
        assert scene.tags() == {}


class TestTransports:
    """Copies between archives, folders and a registry; skopeo reads what shipmark writes, and the other way round."""

    def test_image_copy_copies_an_index_into_an_oci_archive_and_back_unchanged(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        scene.put(INDEX, "1.0.0")
        scene.must("copy", f"{scene.name}:1.0.0", "oci-archive:image.tar:1.0.0", cwd=tmp_path)
        seen = skopeo("inspect", "--raw", f"oci-archive:{tmp_path}/image.tar:1.0.0")
        assert seen.encode() == INDEX.manifest.raw
        scene.must("copy", "oci-archive:image.tar:1.0.0", f"{scene.registry.host}/back/app", cwd=tmp_path)
        assert scene.tags("back/app") == {"1.0.0": INDEX.digest}
        assert not (tmp_path / ".shipmark").exists()

    def test_image_copy_of_a_docker_archive_makes_an_oci_manifest_and_reports_it(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        scene.put(ONE, "1.0.0")
        source = f"docker://{scene.name}:1.0.0"
        skopeo("copy", "--src-tls-verify=false", source, f"docker-archive:{tmp_path}/saved.tar:app:1.0.0")
        result = scene.must(
            "copy", "docker-archive:saved.tar", f"{scene.registry.host}/in/app:1.0.0", cwd=tmp_path
        )
        digest = scene.tags("in/app")["1.0.0"]
        assert digest in result.stdout
        assert "manifest" in result.stderr
        config = skopeo(
            "inspect", "--config", "--tls-verify=false", f"docker://{scene.registry.host}/in/app:1.0.0"
        )
        assert json.loads(config)["config"]["Labels"] == {"version": "1"}

    def test_image_copy_compresses_the_plain_layers_of_an_archive_as_its_option_says(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        layers = (make_tar({"b": b"text that repeats " * 9000}),)
        scene.put(make_image({"a": b"1"}, layers=layers), "1.0.0")
        source = f"docker://{scene.name}:1.0.0"
        skopeo("copy", "--src-tls-verify=false", source, f"docker-archive:{tmp_path}/saved.tar:app:1.0.0")
        kinds = {}
        for number, name in enumerate(("gzip", "gzip-reproducible", "zstd")):
            place = f"{scene.registry.host}/in/app:1.0.{number}"
            scene.must("copy", "--compression", name, "docker-archive:saved.tar", place, cwd=tmp_path)
            said = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{place}"))
            kinds[name] = [layer["mediaType"].rpartition("+")[2] for layer in said["layers"]]
        assert kinds == {"gzip": ["gzip"] * 2, "gzip-reproducible": ["gzip"] * 2, "zstd": ["zstd"] * 2}
        assert len(set(scene.tags("in/app").values())) == 3

    def test_image_copy_sends_no_layers_before_a_refusal(self, scene: Scene, tmp_path: Path) -> None:
        scene.put(ONE, "1.0.0", "1.1.0")
        source = f"docker://{scene.name}:1.0.0"
        skopeo("copy", "--src-tls-verify=false", source, f"docker-archive:{tmp_path}/saved.tar:app:1.0.0")
        # What `docker save` lost makes another manifest of it.
        sent = scene.sent("copy", "docker-archive:saved.tar", f"{scene.name}:1.1.0", cwd=tmp_path, code=6)
        assert {method for method, _ in sent} == {"HEAD"}

    def test_docker_archive_can_be_read_by_skopeo(self, scene: Scene, tmp_path: Path) -> None:
        scene.put(ONE, "1.0.0")
        scene.must("copy", f"{scene.name}:1.0.0", "docker-archive:out.tar:app:1.0.0", cwd=tmp_path)
        said = json.loads(skopeo("inspect", "--config", f"docker-archive:{tmp_path}/out.tar:app:1.0.0"))
        assert said["config"]["Labels"] == {"version": "1"}

    def test_image_copy_copies_an_image_into_a_folder_and_back_unchanged(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        scene.put(ONE, "1.0.0")
        scene.must("copy", f"{scene.name}:1.0.0", "dir:folder", cwd=tmp_path)
        assert skopeo("inspect", "--raw", f"dir:{tmp_path}/folder").encode() == ONE.manifest.raw
        scene.must("copy", "dir:folder", f"{scene.registry.host}/back/app:1.0.0", cwd=tmp_path)
        assert scene.tags("back/app") == {"1.0.0": ONE.digest}

    def test_image_copy_copies_an_image_from_a_docker_daemon_and_back(
        self, scene: Scene, docker_daemon: DockerDaemon, busybox_image: str, tmp_path: Path
    ) -> None:
        env = {"DOCKER_HOST": docker_daemon.host}
        there = f"{scene.registry.host}/daemon/app:1.0.0"
        scene.must("copy", f"docker-daemon:{busybox_image}", there, env=env, cwd=tmp_path)
        assert skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}", f"docker://{there}") in (
            scene.tags("daemon/app").values()
        )
        scene.must("copy", there, "docker-daemon:brought/back:1.0.0", env=env, cwd=tmp_path)
        shown = docker_daemon.docker("image", "inspect", "--format={{.Os}}", "brought/back:1.0.0")
        assert shown.stdout.decode().strip() == "linux"
        docker_daemon.docker("rmi", "brought/back:1.0.0")

    def test_image_copy_of_a_truncated_archive_puts_no_tag(self, scene: Scene, tmp_path: Path) -> None:
        (tmp_path / "short.tar").write_bytes(b"x" * 700)
        result = scene("copy", "oci-archive:short.tar", scene.name, cwd=tmp_path)
        assert result.code in (2, 5)
        assert "error: " in result.stderr
        assert scene.tags() == {}

    def test_image_tag_refuses_an_archive(self, scene: Scene) -> None:
        result = scene("tag", "oci-archive:image.tar", "stable")
        assert result.code == 2
        assert "hint: `shipmark image copy`" in result.stderr


class TestReferrers:
    def test_image_inspect_lists_referrers_and_image_copy_copies_them_only_with_the_option(
        self, scene: Scene, registry_factory: Callable[..., Any]
    ) -> None:
        scene.put(ONE, "1.0.0")
        repository = scene.open("acme/app")
        about = {"mediaType": ONE.manifest.media_type, "digest": ONE.digest, "size": len(ONE.manifest.raw)}
        sbom = make_image({"sbom": b"{}"}, extra={"subject": about, "artifactType": "application/spdx+json"})
        store(sbom, repository)
        attach(repository, sbom.manifest)
        found = scene.must("inspect", f"{scene.name}:1.0.0", "--json").json["referrers"]
        assert [(one["digest"], one["artifact_type"]) for one in found] == [
            (sbom.digest, "application/spdx+json")
        ]
        other = registry_factory()
        scene.must("copy", f"{scene.name}:1.0.0", f"{other.host}/plain/app")
        assert set(other.tags("plain/app")) == {"1.0.0"}
        scene.must("copy", f"{scene.name}:1.0.0", f"{other.host}/signed/app", "--referrers")
        listed = scene.must("inspect", f"{other.host}/signed/app:1.0.0", "--json").json["referrers"]
        assert [one["digest"] for one in listed] == [sbom.digest]


class TestDelete:
    def test_image_delete_in_a_registry_that_deletes_no_tags_names_the_tags_of_the_digest(
        self, scene: Scene
    ) -> None:
        scene.put(ONE, "1.0.0", "1", "latest")
        result = scene("delete", f"{scene.name}:1.0.0")
        if result.code == 0:  # distribution 3
            assert set(scene.tags()) == {"1", "latest"}
            return
        assert result.code == 5
        assert "cannot delete a tag alone" in result.stderr
        assert "`1`, `latest` share its digest" in result.stderr
        assert f"hint: `shipmark image delete --digest {scene.name}@{ONE.digest}`" in result.stderr
        assert set(scene.tags()) == {"1.0.0", "1", "latest"}

    def test_image_delete_in_a_layout_deletes_the_tag_and_keeps_the_image(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        layout = Layout(str(tmp_path / "image"))
        store(ONE, layout, "a", "b")
        assert scene.must("delete", "oci:image:a", cwd=tmp_path).stdout.strip() == "oci:image:a"
        assert layout.tags() == ("b",)
        assert layout.manifest("b").digest == ONE.digest

    def test_image_delete_by_digest_deletes_and_lists_every_tag_on_it(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1")
        scene.put(TWO, "2.0.0")
        shown = scene.must("delete", "--digest", "--preview", f"{scene.name}@{ONE.digest}")
        assert shown.stdout.split() == [
            f"{scene.name}:1.0.0",
            f"{scene.name}:1",
            f"{scene.name}@{ONE.digest}",
        ]
        assert set(scene.tags()) == {"1.0.0", "1", "2.0.0"}
        gone = scene.must("delete", "--digest", f"{scene.name}@{ONE.digest}", "--json").json
        assert gone["tags"] == ["1.0.0", "1"]
        assert scene("digest", f"{scene.name}@{ONE.digest}").code == 5
        assert scene.must("digest", f"{scene.name}:2.0.0").stdout.strip() == TWO.digest

    def test_image_delete_refuses_a_tag_whose_digest_has_other_tags(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "latest")
        result = scene("delete", "--digest", f"{scene.name}:1.0.0")
        assert result.code == 6
        assert "`latest`" in result.stderr
        assert set(scene.tags()) == {"1.0.0", "latest"}

    def test_image_delete_refuses_a_platform_of_an_index(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        result = scene("delete", "--digest", f"{scene.name}@{ARM.digest}")
        assert result.code == 6
        assert f"is part of `{scene.name}:1.0.0`" in result.stderr
        assert scene.registry.manifest("acme/app", ARM.digest)[0] == ARM.digest

    def test_image_delete_refuses_the_subject_of_a_referrer(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        about = {"mediaType": ONE.manifest.media_type, "digest": ONE.digest, "size": len(ONE.manifest.raw)}
        scene.put(make_image({"sbom": b"{}"}, extra={"subject": about}), "some-sbom")
        result = scene("delete", "--digest", f"{scene.name}@{ONE.digest}")
        assert result.code == 6
        assert f"the subject of `{scene.name}:some-sbom`" in result.stderr

    def test_image_delete_refuses_the_subject_of_a_signature_tag(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(TWO, f"{ONE.digest.replace(':', '-')}.sig")
        result = scene("delete", "--digest", f"{scene.name}@{ONE.digest}")
        assert result.code == 6
        assert "refers to" in result.stderr

    def test_image_delete_in_a_registry_without_deletion_is_an_error(
        self, registry_factory: Callable[..., Any], shipmark: Shipmark, make_targets: TargetsFactory
    ) -> None:
        scene = Scene(registry_factory(delete=False), shipmark, make_targets)
        scene.put(ONE, "1.0.0")
        assert scene("delete", "--digest", f"{scene.name}:1.0.0").code == 5
        assert scene.tags() == {"1.0.0": ONE.digest}


class TestLoginCheck:
    def test_login_check_of_an_open_registry_reports_anonymous_read_and_push(self, scene: Scene) -> None:
        said = scene.must("login-check", scene.name, "--json").json
        assert said == {
            "schema": "shipmark.login-check/1",
            "repository": scene.name,
            "kind": "anonymous",
            "username": None,
            "source": "none: anonymous",
            "read": True,
            "push": True,
        }

    @pytest.mark.parametrize("scheme", ["basic", "token"])
    def test_login_check_names_the_credentials_source_and_hides_the_secret(
        self, scheme: str, registry_factory: Callable[..., Any], shipmark: Shipmark, tmp_path: Path
    ) -> None:
        server = registry_factory(auth=scheme)
        pair = base64.b64encode(f"{server.username}:{server.password}".encode()).decode()
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"auths": {server.host: {"auth": pair}}}))
        env = {"DOCKER_CONFIG": str(tmp_path)}
        result = shipmark("image", "login-check", f"{server.host}/acme/app", env=env)
        assert result.code == 0, result.stderr
        assert f"`{config}`" in result.stdout
        assert f"`{server.username}`" in result.stdout
        assert "push        yes" in result.stdout
        assert f"key `{server.host}`" in result.stdout
        assert "tried" not in result.stdout
        more = shipmark("image", "login-check", "-v", f"{server.host}/acme/app", "--json", env=env)
        assert more.json["key"] == server.host
        places = [one["place"] for one in more.json["tried"]]
        assert places[0].startswith("variables `SHIPMARK_REGISTRY_")
        assert places[1:] == [f"`{config}`"]
        for secret in (server.password, pair):
            assert secret not in result.stdout + result.stderr + more.stdout

    def test_login_check_with_a_wrong_credential_exits_5(
        self, registry_factory: Callable[..., Any], shipmark: Shipmark
    ) -> None:
        server = registry_factory(auth="basic")
        name = "SHIPMARK_REGISTRY_" + server.host.replace(".", "_").replace(":", "___")
        env = {f"{name}_USERNAME": "robot", f"{name}_PASSWORD": "wrong-password"}
        result = shipmark("image", "login-check", f"{server.host}/acme/app", env=env)
        assert result.code == 5
        assert f"variable `{name}_PASSWORD`" in result.stdout
        assert "push        no" in result.stdout
        assert "wrong-password" not in result.stdout + result.stderr

    @pytest.mark.parametrize("works", [True, False])
    def test_login_check_names_the_credential_helper_and_shows_its_error(
        self, works: bool, registry_factory: Callable[..., Any], shipmark: Shipmark, tmp_path: Path
    ) -> None:
        server = registry_factory(auth="basic")
        answer = json.dumps({"Username": server.username, "Secret": server.password})
        words = f"echo '{answer}'" if works else "echo 'the vault is sealed' >&2; exit 1"
        helper = tmp_path / "docker-credential-vault"
        helper.write_text(f"#!/bin/sh\ncat > /dev/null\n{words}\n")
        helper.chmod(0o755)
        (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {server.host: "vault"}}))
        env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:{shipmark.env['PATH']}"}
        result = shipmark("image", "login-check", f"{server.host}/acme/app", env=env)
        assert server.password not in result.stdout + result.stderr
        if works:
            assert result.code == 0, result.stderr
            assert "`docker-credential-vault`" in result.stdout
        else:
            assert result.code == 5
            assert "the vault is sealed" in result.stderr


def test_certificate_of_a_private_ca_is_accepted_with_shipmark_ca_file(
    shipmark: Shipmark, registry_factory: RegistryFactory, tmp_path: Path
) -> None:
    server = registry_factory(tls=True)
    layout = Layout(str(tmp_path / "l"))
    store(ONE, layout, "1.0")
    place = f"{server.host}/acme/app"
    unknown = shipmark("image", "copy", f"oci:{tmp_path}/l:1.0", place)
    assert (unknown.code, "certificate" in unknown.stderr) == (5, True)
    env = {"SHIPMARK_CA_FILE": str(server.ca)}
    assert shipmark("image", "copy", f"oci:{tmp_path}/l:1.0", place, env=env).code == 0
    lost = shipmark("image", "list", place, env={"SHIPMARK_CA_FILE": str(tmp_path / "none.pem")})
    assert (lost.code, "none.pem` cannot be read" in lost.stderr) == (2, True)


@pytest.mark.parametrize("text", ["oci:none", "dir:none", "oci:folder"])
def test_a_folder_without_an_image_is_named_as_such(text: str, shipmark: Shipmark, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    result = shipmark("image", "copy", text, "oci:copy", cwd=tmp_path)
    assert result.code == 5
    assert f"there is no image at `{text}`" in result.stderr
    assert "hint: check the path" in result.stderr
