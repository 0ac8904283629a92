from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from release.docker.host import Certificates, find_endpoint
from release.errors import BuilderUnavailable


def make_context(config: Path, name: str, host: Any, *, tls: bool = False, skip: bool = False) -> str:
    """A context as `docker context create` leaves it; returns the folder of its certificates."""
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


def test_without_anything_it_is_the_usual_socket(tmp_path: Path) -> None:
    endpoint = find_endpoint({"HOME": str(tmp_path)})
    assert (endpoint.url, endpoint.certificates) == ("unix:///var/run/docker.sock", None)


def test_docker_host_beats_contexts(tmp_path: Path) -> None:
    make_context(tmp_path, "far", "tcp://far:2375")
    env = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///x.sock"}
    assert find_endpoint(env).url == "unix:///x.sock"


def test_docker_context_beats_the_current_one(tmp_path: Path) -> None:
    make_context(tmp_path, "far", "tcp://far:2375")
    make_context(tmp_path, "near", "unix:///near.sock")
    (tmp_path / "config.json").write_text('{"currentContext": "near", "auths": {}}')
    env = {"DOCKER_CONFIG": str(tmp_path)}
    assert find_endpoint(env).url == "unix:///near.sock"
    assert find_endpoint(env).source == "docker context `near`"
    assert find_endpoint({**env, "DOCKER_CONTEXT": "far"}).url == "tcp://far:2375"
    assert find_endpoint({**env, "DOCKER_CONTEXT": "default"}).url == "unix:///var/run/docker.sock"


def test_the_config_folder_is_below_home(tmp_path: Path) -> None:
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
def test_tls_is_asked_for_by_the_environment(
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
def test_a_contexts_certificates_are_used(tmp_path: Path, skip: bool) -> None:
    folder = make_context(tmp_path, "far", "tcp://far:2376", tls=True, skip=skip)
    endpoint = find_endpoint({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far"})
    assert endpoint.certificates == Certificates(
        ca=f"{folder}/ca.pem", cert=f"{folder}/cert.pem", key=f"{folder}/key.pem", verify=not skip
    )


def test_the_api_version_may_be_set(tmp_path: Path) -> None:
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
def test_what_names_no_daemon_is_refused_with_a_hint(
    tmp_path: Path, env: dict[str, str], message: str
) -> None:
    make_context(tmp_path, "empty", "")
    make_context(tmp_path, "odd", ["x"])
    with pytest.raises(BuilderUnavailable) as caught:
        find_endpoint({"DOCKER_CONFIG": str(tmp_path), **env})
    assert str(caught.value).startswith(message)
    assert caught.value.hint


def test_a_config_that_is_no_json_is_refused(tmp_path: Path) -> None:
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
def test_messages_show_no_credential(url: str, shown: str) -> None:
    assert find_endpoint({"DOCKER_HOST": url}).shown == shown
