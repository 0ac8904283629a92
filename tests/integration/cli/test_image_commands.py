"""`shipmark image` with real registries and layouts; skopeo checks the results independently."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.layout.layout import Layout
from tests.support.programs.command import Shipmark
from tests.support.registries.image_commands import ARM, INDEX, ONE, TWO, ImageCommands, skopeo
from tests.support.registries.images import make_image, store
from tests.support.registries.registry import RegistryFactory


class TestList:
    def test_image_list_sorts_versions_first_the_highest_on_top(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "latest", "1.9.0", "1.10.0", "main", "2.0.0-rc.1", "1.10.0_r1", "1.10")
        assert image_commands.must("list", image_commands.name).stdout.split() == [
            "2.0.0-rc.1",
            "1.10.0_r1",
            "1.10.0",
            "1.9.0",
            "1.10",
            "latest",
            "main",
        ]

    def test_image_list_digests_agree_with_skopeo(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0", "1")
        image_commands.put(INDEX, "2.0.0")
        listed = image_commands.must("list", image_commands.name, "--digests", "--json").json
        assert listed["schema"] == "shipmark.image-list/1"
        found = {tag["name"]: tag["digest"] for tag in listed["tags"]}
        assert found == {"2.0.0": INDEX.digest, "1.0.0": ONE.digest, "1": ONE.digest}
        seen = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{image_commands.name}:2.0.0")
        assert json.loads(seen) == json.loads(INDEX.manifest.raw)

    def test_image_list_without_digests_sends_one_request(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0", "1.0.1")
        assert image_commands.sent("list", image_commands.name) == [("GET", "acme/app/tags/list?n=1000")]

    def test_image_list_of_a_missing_repository_is_empty(self, image_commands: ImageCommands) -> None:
        result = image_commands.must("list", f"{image_commands.registry.host}/no/such")
        assert result.stdout == ""
        assert "has no tags, or does not exist" in result.stderr

    def test_image_list_refuses_a_reference_with_a_tag(self, image_commands: ImageCommands) -> None:
        result = image_commands("list", f"{image_commands.name}:1.0.0")
        assert result.code == 2
        assert f"hint: write `{image_commands.name}`" in result.stderr


class TestReading:
    def test_image_digest_agrees_with_skopeo(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        said = skopeo(
            "inspect", "--format={{.Digest}}", "--tls-verify=false", f"docker://{image_commands.name}:1.0.0"
        )
        assert (
            image_commands.must("digest", f"{image_commands.name}:1.0.0").stdout.strip() == said == ONE.digest
        )
        assert image_commands.must("digest", f"docker://{image_commands.name}@{said}").stdout.strip() == said

    def test_image_digest_with_platform_gives_the_digest_of_that_platforms_manifest(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(INDEX, "1.0.0")
        assert image_commands.must("digest", f"{image_commands.name}:1.0.0").stdout.strip() == INDEX.digest
        arm = image_commands.must("digest", f"{image_commands.name}:1.0.0", "--platform", "linux/arm64")
        assert arm.stdout.strip() == ARM.digest
        missing = image_commands("digest", f"{image_commands.name}:1.0.0", "--platform", "linux/s390x")
        assert missing.code == 5
        assert "hint: platforms of the image: `linux/amd64`, `linux/arm64`" in missing.stderr

    def test_image_inspect_gives_platforms_layers_and_labels(self, image_commands: ImageCommands) -> None:
        image_commands.put(INDEX, "1.0.0")
        found = image_commands.must("inspect", f"{image_commands.name}:1.0.0", "--json").json
        assert found["schema"] == "shipmark.image/1"
        assert found["digest"] == INDEX.digest
        assert [one["platform"] for one in found["platforms"]] == ["linux/amd64", "linux/arm64"]
        first = found["platforms"][0]
        assert first["labels"] == {"version": "1"}
        assert first["digest"] == ONE.digest
        oracle = json.loads(
            skopeo(
                "inspect",
                "--tls-verify=false",
                "--override-arch=amd64",
                f"docker://{image_commands.name}:1.0.0",
            )
        )
        assert [layer["digest"] for layer in first["layers"]] == oracle["Layers"]

    def test_image_inspect_prints_platform_labels_and_base_as_text(
        self, image_commands: ImageCommands
    ) -> None:
        base = {"annotations": {"org.opencontainers.image.base.name": "docker.io/library/busybox"}}
        image = make_image({"x": b"x"}, labels={"team": "a"}, extra=base)
        image_commands.put(image, "1.0.0")
        text = image_commands.must("inspect", f"{image_commands.name}:1.0.0").stdout
        assert "linux/amd64" in text
        assert "team=a" in text
        assert "docker.io/library/busybox" in text

    def test_image_inspect_escapes_ci_commands_and_control_characters_in_labels(
        self, image_commands: ImageCommands
    ) -> None:
        labels = {"evil": "x\n::error::gotcha\n##[group]y\x1b[2Jz\x9b1m"}
        image_commands.put(make_image({"x": b"x"}, labels=labels), "1.0.0")
        shown = image_commands.must("inspect", f"{image_commands.name}:1.0.0").stdout
        assert "\x1b" not in shown
        assert "\x9b" not in shown
        assert "##[" not in shown
        assert not [line for line in shown.splitlines() if line.lstrip().startswith("::")]
        told = image_commands.must("inspect", f"{image_commands.name}:1.0.0", "--json")
        assert told.json["platforms"][0]["labels"] == labels

    def test_image_digest_of_a_missing_tag_is_an_error(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        assert image_commands("digest", f"{image_commands.name}:9.9.9").code == 5

    def test_image_command_with_an_unknown_transport_is_a_usage_error(
        self, image_commands: ImageCommands
    ) -> None:
        result = image_commands("digest", "containers-storage:app")
        assert result.code == 2
        assert "hint: " in result.stderr


class TestTag:
    def test_image_tag_with_move_sends_two_requests_and_keeps_the_digest(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(INDEX, "1.0.0")
        image_commands.put(TWO, "stable")
        sent = image_commands.sent("tag", f"{image_commands.name}:1.0.0", "stable", "--move")
        assert sent == [("GET", "acme/app/manifests/1.0.0"), ("PUT", "acme/app/manifests/stable")]
        assert image_commands.tags()["stable"] == INDEX.digest
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{image_commands.name}:stable")
        assert raw.encode() == INDEX.manifest.raw

    def test_image_tag_checks_a_new_tag_before_putting_it(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        sent = image_commands.sent("tag", f"{image_commands.name}:1.0.0", "stable")
        assert [method for method, _ in sent] == ["GET", "HEAD", "PUT"]
        assert image_commands.tags()["stable"] == ONE.digest

    def test_image_tag_puts_nothing_if_the_tag_points_to_the_image(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(ONE, "1.0.0", "1.0.1")
        assert [
            m for m, _ in image_commands.sent("tag", f"{image_commands.name}:1.0.0", "1.0.1", "--move")
        ] == ["GET", "HEAD"]

    def test_image_tag_without_move_refuses_a_tag_of_another_image(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.put(TWO, "stable")
        result = image_commands("tag", f"{image_commands.name}:1.0.0", "stable")
        assert result.code == 6
        assert TWO.digest in result.stderr
        assert "hint: `--move`" in result.stderr
        assert image_commands.tags()["stable"] == TWO.digest

    @pytest.mark.parametrize(
        "tag", ["2.0.0", "2.0.0-rc.1", "2.0.0_r1", "sha-3f2a9c1b7d40", "pr-7-3f2a9c1b7d40"]
    )
    def test_image_tag_never_moves_a_fixed_tag_of_another_image(
        self, image_commands: ImageCommands, tag: str
    ) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.put(TWO, tag)
        assert {
            m for m, _ in image_commands.sent("tag", f"{image_commands.name}:1.0.0", tag, "--move", code=6)
        } == {
            "GET",
            "HEAD",
        }
        assert image_commands.tags()[tag] == TWO.digest

    def test_image_tag_puts_no_tag_if_one_of_the_tags_is_refused(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.put(TWO, "2.0.0")
        assert image_commands("tag", f"{image_commands.name}:1.0.0", "fine", "2.0.0").code == 6
        assert "fine" not in image_commands.tags()

    def test_image_tag_prints_its_results_as_json(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0", "1.0.1")
        done = image_commands.must("tag", f"{image_commands.name}:1.0.0", "new", "1.0.1", "--json").json
        assert done["schema"] == "shipmark.image-tag/1"
        assert done["digest"] == ONE.digest
        assert done["tags"] == [
            {"name": "new", "result": "created"},
            {"name": "1.0.1", "result": "already-there"},
        ]

    def test_image_tag_with_an_invalid_tag_is_a_usage_error_before_any_request(
        self, image_commands: ImageCommands
    ) -> None:
        assert image_commands.sent("tag", f"{image_commands.name}:1.0.0", "1.0.0+build", code=2) == []


class TestLoginCheck:
    def test_login_check_of_an_open_registry_reports_anonymous_read_and_push(
        self, image_commands: ImageCommands
    ) -> None:
        said = image_commands.must("login-check", image_commands.name, "--json").json
        assert said == {
            "schema": "shipmark.login-check/1",
            "repository": image_commands.name,
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
