"""Credentials, tokens and TLS of the registry client, with a real docker-registry."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from release.errors import ConfigError, Denied, Unreachable
from tests.support.registries.images import copy_between, layout_with, make_image, store
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.registries.tls import Authority
from tests.support.registries.tokens import TokenServer


def _config(tmp_path: Path, server: RegistryServer, password: str | None = None) -> dict[str, str]:
    pair = f"{server.username}:{password or server.password}".encode()
    folder = tmp_path / "docker"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps({"auths": {server.host: {"auth": base64.b64encode(pair).decode()}}})
    )
    return {"DOCKER_CONFIG": str(folder)}


class TestBasic:
    def test_credential_in_docker_config_can_push(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="basic")
        image = make_image()
        targets = make_targets(env=_config(tmp_path, server))
        remote = targets.open(f"{server.host}/acme/app")
        copy_between(layout_with(tmp_path, image), remote, image)
        assert remote.resolve(image.digest) is not None

    def test_missing_credential_error_suggests_docker_login(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="basic")
        with pytest.raises(Denied) as caught:
            make_targets().open(f"{server.host}/acme/app").resolve("1.0")
        assert f"docker login {server.host}" in str(caught.value.hint)

    def test_wrong_password_is_denied_and_not_shown(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="basic")
        remote = make_targets(env=_config(tmp_path, server, "hunter2-wrong")).open(f"{server.host}/acme/app")
        for ask in (lambda: remote.resolve("1.0"), remote.check_push, remote.tags):
            with pytest.raises(Denied) as caught:
                ask()
            assert "hunter2" not in f"{caught.value} {caught.value.hint}"

    def test_credentials_from_variables_can_push(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="basic")
        prefix = f"SHIPMARK_REGISTRY_127_0_0_1___{server.port}"
        env = {f"{prefix}_USERNAME": str(server.username), f"{prefix}_TOKEN": str(server.password)}
        make_targets(env=env).open(f"{server.host}/acme/app").check_push()


class TestToken:
    def test_push_requests_one_pull_token_and_one_push_token(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        image = make_image(layers=tuple(bytes([n]) * 20_000 for n in range(6)))
        remote = make_targets(env=_config(tmp_path, server)).open(f"{server.host}/acme/app")
        copy_between(layout_with(tmp_path, image), remote, image)
        scopes = [request.scopes for request in server.tokens.requests]
        assert sorted(scopes) == [("repository:acme/app:pull",), ("repository:acme/app:pull,push",)]

    def test_anonymous_token_can_read_but_not_push(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token")
        remote = make_targets().open(f"{server.host}/acme/app")
        assert remote.resolve("1.0") is None
        with pytest.raises(Denied):
            remote.check_push()

    @pytest.mark.parametrize("member", ["token", "access_token", "Token", "ACCESS_TOKEN"])
    def test_token_is_found_under_each_name_that_docker_reads(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory, member: str
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        server.tokens.key = member
        remote = make_targets().open(f"{server.host}/acme/app")
        assert remote.resolve("1.0") is None
        assert [request.status for request in server.tokens.requests] == [200]

    def test_wrong_password_error_names_the_token_request(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token")
        remote = make_targets(env=_config(tmp_path, server, "hunter2-wrong")).open(f"{server.host}/acme/app")
        with pytest.raises(Denied, match="refused the request for a token"):
            remote.resolve("1.0")

    def test_identity_token_is_exchanged_by_post(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        auths = {server.host: {"identitytoken": server.password}}
        (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
        make_targets(env={"DOCKER_CONFIG": str(tmp_path)}).open(f"{server.host}/acme/app").check_push()
        assert {request.method for request in server.tokens.requests} == {"POST"}

    def test_token_server_with_an_invalid_certificate_gets_no_request(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token", tls=True)
        assert server.tokens is not None
        server.stop()
        server.tokens.close()
        server.tokens = TokenServer(Authority(tmp_path / "other"), users={}, tls=True)
        server.start()
        env = {**_config(tmp_path, server), "SSL_CERT_FILE": str(server.ca)}
        with pytest.raises(Unreachable, match=f"certificate of `{server.tokens.host}` is not valid"):
            make_targets(env=env).open(f"{server.host}/acme/app").resolve("1.0")
        assert server.tokens.requests == []

    def test_registry_token_that_is_refused_is_replaced_by_a_new_one(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        remote = make_targets(env=_config(tmp_path, server)).open(f"{server.host}/acme/app")
        server.tokens.lifetime = -60.0
        server.tokens.announced = 300
        image = make_image()
        with pytest.raises(Denied):
            remote.check_push()
        server.tokens.lifetime = 300.0
        store(image, remote, "1.0")
        assert remote.resolve("1.0") == image.descriptor()

    def test_mount_requests_a_token_for_the_source_repository(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        image = make_image()
        targets = make_targets(env=_config(tmp_path, server))
        store(image, targets.open(f"{server.host}/acme/first"))
        copy_between(
            layout_with(tmp_path, image),
            targets.open(f"{server.host}/acme/second"),
            image,
            mount_from=("acme/first",),
        )
        assert (
            "repository:acme/second:pull,push",
            "repository:acme/first:pull",
        ) in [request.scopes for request in server.tokens.requests]
        puts = [
            entry.path
            for entry in server.access_log()
            if entry.method == "PUT" and "second/blobs" in entry.path
        ]
        assert puts == []


class TestTls:
    def test_named_certificate_authority_is_accepted(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(tls=True)
        for settings in ({"env": {"SSL_CERT_FILE": str(server.ca)}}, {"ca": str(server.ca)}):
            remote = make_targets(**settings).open(f"{server.host}/acme/app")
            image = make_image()
            store(image, remote, "1.0")
            assert remote.resolve("1.0") == image.descriptor()

    def test_unknown_certificate_authority_is_refused_without_retries(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(tls=True)
        with pytest.raises(Unreachable, match=r"certificate of .* is not valid") as caught:
            make_targets().open(f"{server.host}/acme/app").resolve("1.0")
        assert "SSL_CERT_FILE" in str(caught.value.hint)
        assert "attempts" not in caught.value.message

    def test_registry_listed_as_insecure_is_reached_without_its_certificate_authority(
        self, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(tls=True)
        remote = make_targets(insecure=frozenset({server.host})).open(f"{server.host}/acme/app")
        assert remote.resolve("1.0") is None

    def test_missing_file_of_certificate_authorities_is_a_config_error(
        self, tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
    ) -> None:
        server = registry_factory(tls=True)
        with pytest.raises(ConfigError, match=r"no-such\.pem"):
            make_targets(ca=str(tmp_path / "no-such.pem")).open(f"{server.host}/acme/app").resolve("1.0")
