"""Tests of the fixtures: git repositories, registries with authentication, the Docker daemon, started commands."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.registry import Access, RegistryFactory, RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.services.docker import DockerDaemon


def test_commit_of_a_test_repository_has_the_same_id_on_every_machine(git_repo: GitRepo) -> None:
    commit = git_repo.commit("first", {"a.txt": "a"})
    assert commit == "d2b0cc9d8df496b3f4a6264e910971a701e82b7e"
    git_repo.tag("v1.0.0")
    git_repo.tag("light", annotated=False)
    assert git_repo.git("for-each-ref", "--format=%(refname:short) %(objecttype)") == (
        "main commit\nlight commit\nv1.0.0 tag"
    )


def test_clone_of_a_test_repository_with_depth_is_shallow(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("one")
    git_repo.commit("two")
    clone = git_repo.clone(tmp_path / "clone", "--depth=1")
    assert clone.git("rev-list", "--count", "HEAD") == "1"


def test_registry_logs_each_request_and_keeps_its_port_after_a_restart(
    registry_server: RegistryServer,
) -> None:
    assert registry_server.request("GET", "/v2/")[0] == 200
    assert registry_server.request("HEAD", "/v2/app/manifests/nope")[0] == 404
    before = registry_server.host
    registry_server.stop()
    registry_server.start()
    assert registry_server.host == before
    assert registry_server.request("GET", "/v2/_catalog")[0] == 200
    assert registry_server.access_log() == [
        Access("GET", "/v2/", 200),
        Access("HEAD", "/v2/app/manifests/nope", 404),
        Access("GET", "/v2/_catalog", 200),
    ]
    assert registry_server.tags("app") == {}


def test_registry_with_basic_authentication_refuses_a_wrong_password(
    registry_factory: RegistryFactory,
) -> None:
    server = registry_factory(auth="basic")
    assert server.request("GET", "/v2/", headers={"Authorization": "Basic eDp5"})[0] == 401
    assert server.request("GET", "/v2/")[0] == 200


def test_registry_with_tls_is_trusted_through_its_own_authority_only(
    registry_factory: RegistryFactory,
) -> None:
    server = registry_factory(tls=True)
    assert server.request("GET", "/v2/")[0] == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{server.url}/v2/")


def _token(server: RegistryServer, scope: str, *, password: str | None) -> str:
    assert server.tokens is not None
    request = urllib.request.Request(f"{server.tokens.realm}?service=x&scope={scope}")
    if password is not None:
        pair = base64.b64encode(f"{server.username}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
    with urllib.request.urlopen(request) as answer:
        token = json.load(answer)["token"]
        assert isinstance(token, str)
        return token


def _upload_status(server: RegistryServer, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return server.request("POST", "/v2/app/blobs/uploads/", headers=headers)[0]


def test_registry_with_tokens_accepts_only_tokens_that_grant_the_scope(
    registry_factory: RegistryFactory,
) -> None:
    server = registry_factory(auth="token")
    assert server.tokens is not None
    status, headers, _ = server.request("GET", "/v2/")
    assert status == 401
    assert headers["www-authenticate"].startswith(f'Bearer realm="{server.tokens.realm}"')
    scope = "repository:app:pull,push"
    assert _upload_status(server, _token(server, scope, password=server.password)) == 202
    assert _upload_status(server, _token(server, scope, password=None)) == 401
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        _token(server, scope, password="wrong")
    refused.value.close()
    assert [entry.status for entry in server.tokens.requests] == [200, 200, 401]
    assert server.tokens.requests[0].scopes == (scope,)
    assert server.tokens.requests[0].account == server.username


def test_expired_token_is_refused_by_the_test_registry(registry_factory: RegistryFactory) -> None:
    server = registry_factory(auth="token")
    assert server.tokens is not None
    server.tokens.lifetime = -1
    assert _upload_status(server, _token(server, "repository:app:push", password=server.password)) == 401


def test_docker_daemon_of_the_tests_runs_a_container_without_network(
    docker_daemon: DockerDaemon, busybox_image: str
) -> None:
    done = docker_daemon.docker("run", "--rm", "--network=none", busybox_image, "echo", "hello")
    assert done.stdout == b"hello\n"
    assert docker_daemon.api("GET", "/_ping") == (200, "OK")


def test_docker_daemon_of_the_tests_pushes_to_and_pulls_from_a_registry_on_loopback(
    docker_daemon: DockerDaemon, busybox_image: str, registry_server: RegistryServer
) -> None:
    name = f"{registry_server.host}/support/busybox:1"
    docker_daemon.docker("tag", busybox_image, name)
    docker_daemon.docker("push", "--quiet", name)
    docker_daemon.docker("rmi", name)
    docker_daemon.docker("pull", "--quiet", name)
    assert list(registry_server.tags("support/busybox")) == ["1"]


def test_command_that_a_test_started_is_ended_at_the_end_of_the_test(shipmark: Shipmark) -> None:
    process = shipmark.start("--help")
    shipmark.close()
    assert process.returncode is not None
