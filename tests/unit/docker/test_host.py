from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from release.docker.host import Certificates, find_endpoint
from release.errors import BuilderUnavailable


def make_context(config: Path, name: str, host: Any, *, tls: bool = False, skip: bool = False) -> str:
    """Make a context like `docker context create`; returns the folder of its certificates."""
    identifier = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts/meta" / identifier
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": skip}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    certificates = config / "contexts/tls" / identifier / "docker"
    if tls:
        certificates.mkdir(parents=True)
        for each in ("ca", "cert", "key"):
            (certificates / f"{each}.pem").write_text("x")
    return str(certificates)


def test_default_endpoint_is_the_local_docker_socket(tmp_path: Path) -> None:
    endpoint = find_endpoint({"HOME": str(tmp_path)})
    assert (endpoint.url, endpoint.certificates) == ("unix:///var/run/docker.sock", None)


def test_variable_docker_host_is_preferred_to_contexts(tmp_path: Path) -> None:
    make_context(tmp_path, "far", "tcp://far:2375")
    env = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///x.sock"}
    assert find_endpoint(env).url == "unix:///x.sock"


def test_variable_docker_context_is_preferred_to_the_current_context(tmp_path: Path) -> None:
    make_context(tmp_path, "far", "tcp://far:2375")
    make_context(tmp_path, "near", "unix:///near.sock")
    (tmp_path / "config.json").write_text('{"currentContext": "near", "auths": {}}')
    env = {"DOCKER_CONFIG": str(tmp_path)}
    assert find_endpoint(env).url == "unix:///near.sock"
    assert find_endpoint(env).source == "docker context `near`"
    assert find_endpoint({**env, "DOCKER_CONTEXT": "far"}).url == "tcp://far:2375"
    assert find_endpoint({**env, "DOCKER_CONTEXT": "default"}).url == "unix:///var/run/docker.sock"


def test_docker_config_is_read_from_the_home_folder(tmp_path: Path) -> None:
    make_context(tmp_path / ".docker", "near", "unix:///near.sock")
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "near"}')
    assert find_endpoint({"HOME": str(tmp_path)}).url == "unix:///near.sock"


@pytest.mark.parametrize(
    ("env", "verify"),
    [
        ({"DOCKER_TLS_VERIFY": "1"}, True),
        ({"DOCKER_TLS": "1"}, False),
        ({}, None),
        ({"DOCKER_TLS_VERIFY": ""}, None),
    ],
)
def test_docker_tls_variables_turn_on_certificates(
    tmp_path: Path, env: dict[str, str], verify: bool | None
) -> None:
    (tmp_path / "ca.pem").write_text("x")
    certificates = find_endpoint(
        {"DOCKER_HOST": "tcp://h:2376", "DOCKER_CERT_PATH": str(tmp_path), **env}
    ).certificates
    assert certificates == (
        None if verify is None else Certificates(ca=str(tmp_path / "ca.pem"), verify=verify)
    )


@pytest.mark.parametrize("skip", [False, True])
def test_endpoint_has_the_certificates_of_its_context(tmp_path: Path, skip: bool) -> None:
    folder = make_context(tmp_path, "far", "tcp://far:2376", tls=True, skip=skip)
    endpoint = find_endpoint({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far"})
    assert endpoint.certificates == Certificates(
        ca=f"{folder}/ca.pem", cert=f"{folder}/cert.pem", key=f"{folder}/key.pem", verify=not skip
    )


def test_variable_docker_api_version_sets_the_api_version(tmp_path: Path) -> None:
    assert find_endpoint({"HOME": str(tmp_path), "DOCKER_API_VERSION": "1.41"}).api_version == "1.41"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"DOCKER_CONTEXT": "gone"}, "there is no docker context `gone`"),
        ({"DOCKER_CONTEXT": "../../x"}, "there is no docker context `../../x`"),
        ({"DOCKER_CONTEXT": "empty"}, "the docker context `empty` names no daemon"),
        ({"DOCKER_CONTEXT": "odd"}, "the docker context `odd` names no daemon"),
        ({"DOCKER_HOST": "here"}, "`DOCKER_HOST` names `here`, which is not an address of a daemon"),
        (
            {"DOCKER_HOST": "ssh://me@host"},
            "`DOCKER_HOST` names `ssh://host`, and shipmark cannot connect",
        ),
    ],
)
def test_invalid_daemon_address_or_context_is_an_error_with_a_hint(
    tmp_path: Path, env: dict[str, str], message: str
) -> None:
    make_context(tmp_path, "empty", "")
    make_context(tmp_path, "odd", ["x"])
    with pytest.raises(BuilderUnavailable) as caught:
        find_endpoint({"DOCKER_CONFIG": str(tmp_path), **env})
    assert str(caught.value).startswith(message)
    assert caught.value.hint


def test_docker_config_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BuilderUnavailable, match="cannot be read"):
        find_endpoint({"DOCKER_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("tcp://user:pass@host:1/x", "tcp://host:1/x"),
        ("unix:///a@b/docker.sock", "unix:///a@b/docker.sock"),
        ("tcp://host:1", "tcp://host:1"),
    ],
)
def test_shown_address_has_no_credential(url: str, shown: str) -> None:
    assert find_endpoint({"DOCKER_HOST": url}).shown == shown
