"""`shipmark image copy`: between registries, layouts, archives, folders and a daemon, with and without referrers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from release.layout.layout import Layout
from release.transfer.referrers import attach
from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.image_commands import ARM, INDEX, ONE, TWO, ImageCommands, skopeo
from tests.support.registries.images import make_image, make_tar, store
from tests.support.services.docker import DockerDaemon


class TestCopy:
    def test_image_copy_copies_an_index_to_another_registry_with_its_digest(
        self, image_commands: ImageCommands, registry_factory: Callable[..., Any]
    ) -> None:
        image_commands.put(INDEX, "1.0.0")
        other = registry_factory()
        result = image_commands.must("copy", f"{image_commands.name}:1.0.0", f"{other.host}/copy/app")
        assert result.stdout.strip() == f"{other.host}/copy/app:1.0.0@{INDEX.digest}"
        assert other.tags("copy/app") == {"1.0.0": INDEX.digest}
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{other.host}/copy/app:1.0.0")
        assert raw.encode() == INDEX.manifest.raw

    def test_image_copy_within_one_registry_sends_no_blob(self, image_commands: ImageCommands) -> None:
        image_commands.put(INDEX, "1.0.0")
        sent = image_commands.sent(
            "copy", f"{image_commands.name}:1.0.0", f"{image_commands.registry.host}/other/app:stable"
        )
        mounted = [path for method, path in sent if method == "POST"]
        assert mounted
        assert all("mount=" in path and "from=acme/app" in path for path in mounted)
        assert not [path for method, path in sent if method == "PUT" and "/uploads/" in path]
        assert not [path for method, path in sent if method == "GET" and "/blobs/" in path]
        assert image_commands.tags("other/app") == {"stable": INDEX.digest}

    def test_image_copy_copies_an_index_into_a_layout_and_back_unchanged(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(INDEX, "1.0.0")
        image_commands.must("copy", f"{image_commands.name}:1.0.0", "oci:dist/image", cwd=tmp_path)
        assert skopeo("inspect", "--raw", f"oci:{tmp_path}/dist/image:1.0.0").encode() == INDEX.manifest.raw
        image_commands.must(
            "copy", "oci:dist/image:1.0.0", f"{image_commands.registry.host}/back/app", cwd=tmp_path
        )
        assert image_commands.tags("back/app") == {"1.0.0": INDEX.digest}

    def test_image_copy_with_platform_copies_the_manifest_of_that_platform(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(INDEX, "1.0.0")
        image_commands.must(
            "copy", f"{image_commands.name}:1.0.0", "oci:arm", "--platform", "linux/arm64", cwd=tmp_path
        )
        held = Layout(str(tmp_path / "arm")).resolve("1.0.0")
        assert held is not None
        assert held.digest == ARM.digest

    def test_image_copy_by_digest_puts_no_tag(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        result = image_commands.must(
            "copy", f"{image_commands.name}@{ONE.digest}", f"{image_commands.registry.host}/other/app"
        )
        assert result.stdout.strip() == f"{image_commands.registry.host}/other/app@{ONE.digest}"
        assert image_commands.tags("other/app") == {}
        assert image_commands.registry.manifest("other/app", ONE.digest)[0] == ONE.digest

    def test_image_copy_onto_a_version_tag_of_another_image_is_refused_before_sending(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.put(TWO, "1.0.0", name="other/app")
        sent = image_commands.sent(
            "copy",
            f"{image_commands.name}:1.0.0",
            f"{image_commands.registry.host}/other/app",
            "--move",
            code=6,
        )
        assert {method for method, _ in sent} <= {"GET", "HEAD"}
        assert image_commands.tags("other/app") == {"1.0.0": TWO.digest}

    def test_image_copy_stopped_by_sigterm_ends_within_five_seconds_and_leaves_no_tag(
        self, image_commands: ImageCommands, gate: Gate, shipmark: Shipmark, tmp_path: Path
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
        assert image_commands.tags() == {}

    def test_image_copy_from_a_layout_with_several_images_needs_a_tag(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        layout = Layout(str(tmp_path / "image"))
        store(ONE, layout, "a")
        store(TWO, layout, "b")
        result = image_commands("copy", "oci:image", image_commands.name, cwd=tmp_path)
        assert result.code == 2
        assert "its tags: `a`, `b`" in result.stderr

    def test_image_copy_from_a_layout_that_lacks_a_blob_puts_no_tag(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        layout = Layout(str(tmp_path / "image"))
        store(ONE, layout, "a")
        Path(layout.blob_path(next(iter(ONE.blobs)))).unlink()
        result = image_commands("copy", "oci:image:a", image_commands.name, cwd=tmp_path)
        assert result.code == 5
        assert "missing" in result.stderr
        assert image_commands.tags() == {}


class TestTransports:
    """Copies between archives, folders and a registry; skopeo reads what shipmark writes, and the other way round."""

    def test_image_copy_copies_an_index_into_an_oci_archive_and_back_unchanged(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(INDEX, "1.0.0")
        image_commands.must(
            "copy", f"{image_commands.name}:1.0.0", "oci-archive:image.tar:1.0.0", cwd=tmp_path
        )
        seen = skopeo("inspect", "--raw", f"oci-archive:{tmp_path}/image.tar:1.0.0")
        assert seen.encode() == INDEX.manifest.raw
        image_commands.must(
            "copy", "oci-archive:image.tar:1.0.0", f"{image_commands.registry.host}/back/app", cwd=tmp_path
        )
        assert image_commands.tags("back/app") == {"1.0.0": INDEX.digest}
        assert not (tmp_path / ".shipmark").exists()

    def test_image_copy_of_a_docker_archive_makes_an_oci_manifest_and_reports_it(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        source = f"docker://{image_commands.name}:1.0.0"
        skopeo("copy", "--src-tls-verify=false", source, f"docker-archive:{tmp_path}/saved.tar:app:1.0.0")
        result = image_commands.must(
            "copy", "docker-archive:saved.tar", f"{image_commands.registry.host}/in/app:1.0.0", cwd=tmp_path
        )
        digest = image_commands.tags("in/app")["1.0.0"]
        assert digest in result.stdout
        assert "manifest" in result.stderr
        config = skopeo(
            "inspect",
            "--config",
            "--tls-verify=false",
            f"docker://{image_commands.registry.host}/in/app:1.0.0",
        )
        assert json.loads(config)["config"]["Labels"] == {"version": "1"}

    def test_image_copy_compresses_the_plain_layers_of_an_archive_as_its_option_says(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        layers = (make_tar({"b": b"text that repeats " * 9000}),)
        image_commands.put(make_image({"a": b"1"}, layers=layers), "1.0.0")
        source = f"docker://{image_commands.name}:1.0.0"
        skopeo("copy", "--src-tls-verify=false", source, f"docker-archive:{tmp_path}/saved.tar:app:1.0.0")
        kinds = {}
        for number, name in enumerate(("gzip", "gzip-reproducible", "zstd")):
            place = f"{image_commands.registry.host}/in/app:1.0.{number}"
            image_commands.must(
                "copy", "--compression", name, "docker-archive:saved.tar", place, cwd=tmp_path
            )
            said = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{place}"))
            kinds[name] = [layer["mediaType"].rpartition("+")[2] for layer in said["layers"]]
        assert kinds == {"gzip": ["gzip"] * 2, "gzip-reproducible": ["gzip"] * 2, "zstd": ["zstd"] * 2}
        assert len(set(image_commands.tags("in/app").values())) == 3

    def test_image_copy_sends_no_layers_before_a_refusal(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(ONE, "1.0.0", "1.1.0")
        source = f"docker://{image_commands.name}:1.0.0"
        skopeo("copy", "--src-tls-verify=false", source, f"docker-archive:{tmp_path}/saved.tar:app:1.0.0")
        # What `docker save` lost makes another manifest of it.
        sent = image_commands.sent(
            "copy", "docker-archive:saved.tar", f"{image_commands.name}:1.1.0", cwd=tmp_path, code=6
        )
        assert {method for method, _ in sent} == {"HEAD"}

    def test_docker_archive_can_be_read_by_skopeo(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.must(
            "copy", f"{image_commands.name}:1.0.0", "docker-archive:out.tar:app:1.0.0", cwd=tmp_path
        )
        said = json.loads(skopeo("inspect", "--config", f"docker-archive:{tmp_path}/out.tar:app:1.0.0"))
        assert said["config"]["Labels"] == {"version": "1"}

    def test_image_copy_copies_an_image_into_a_folder_and_back_unchanged(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.must("copy", f"{image_commands.name}:1.0.0", "dir:folder", cwd=tmp_path)
        assert skopeo("inspect", "--raw", f"dir:{tmp_path}/folder").encode() == ONE.manifest.raw
        image_commands.must(
            "copy", "dir:folder", f"{image_commands.registry.host}/back/app:1.0.0", cwd=tmp_path
        )
        assert image_commands.tags("back/app") == {"1.0.0": ONE.digest}

    def test_image_copy_copies_an_image_from_a_docker_daemon_and_back(
        self, image_commands: ImageCommands, docker_daemon: DockerDaemon, busybox_image: str, tmp_path: Path
    ) -> None:
        env = {"DOCKER_HOST": docker_daemon.host}
        there = f"{image_commands.registry.host}/daemon/app:1.0.0"
        image_commands.must("copy", f"docker-daemon:{busybox_image}", there, env=env, cwd=tmp_path)
        assert skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}", f"docker://{there}") in (
            image_commands.tags("daemon/app").values()
        )
        image_commands.must("copy", there, "docker-daemon:brought/back:1.0.0", env=env, cwd=tmp_path)
        shown = docker_daemon.docker("image", "inspect", "--format={{.Os}}", "brought/back:1.0.0")
        assert shown.stdout.decode().strip() == "linux"
        docker_daemon.docker("rmi", "brought/back:1.0.0")

    def test_image_copy_of_a_truncated_archive_puts_no_tag(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        (tmp_path / "short.tar").write_bytes(b"x" * 700)
        result = image_commands("copy", "oci-archive:short.tar", image_commands.name, cwd=tmp_path)
        assert result.code in (2, 5)
        assert "error: " in result.stderr
        assert image_commands.tags() == {}

    def test_image_tag_refuses_an_archive(self, image_commands: ImageCommands) -> None:
        result = image_commands("tag", "oci-archive:image.tar", "stable")
        assert result.code == 2
        assert "hint: `shipmark image copy`" in result.stderr


class TestReferrers:
    def test_image_inspect_lists_referrers_and_image_copy_copies_them_only_with_the_option(
        self, image_commands: ImageCommands, registry_factory: Callable[..., Any]
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        repository = image_commands.open("acme/app")
        about = {"mediaType": ONE.manifest.media_type, "digest": ONE.digest, "size": len(ONE.manifest.raw)}
        sbom = make_image({"sbom": b"{}"}, extra={"subject": about, "artifactType": "application/spdx+json"})
        store(sbom, repository)
        attach(repository, sbom.manifest)
        found = image_commands.must("inspect", f"{image_commands.name}:1.0.0", "--json").json["referrers"]
        assert [(one["digest"], one["artifact_type"]) for one in found] == [
            (sbom.digest, "application/spdx+json")
        ]
        other = registry_factory()
        image_commands.must("copy", f"{image_commands.name}:1.0.0", f"{other.host}/plain/app")
        assert set(other.tags("plain/app")) == {"1.0.0"}
        image_commands.must("copy", f"{image_commands.name}:1.0.0", f"{other.host}/signed/app", "--referrers")
        listed = image_commands.must("inspect", f"{other.host}/signed/app:1.0.0", "--json").json["referrers"]
        assert [one["digest"] for one in listed] == [sbom.digest]
