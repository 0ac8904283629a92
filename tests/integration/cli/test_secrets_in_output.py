"""No secret of a run appears in its output, although servers repeat in their answers what they were sent."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.releases.git import GitRepo

Hostile = Callable[..., HostileServer]
PASSWORD = "hunter2-Secret"
TOKEN = "eyJhbGciOi.token-of-the-realm.sig"
FILES = {"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "a", ".gitignore": "dist/\n"}
SECRETS = (
    PASSWORD,
    TOKEN,
    base64.b64encode(f"token:{PASSWORD}".encode()).decode(),
    base64.b64encode(PASSWORD.encode()).decode(),
)


def _repeated(request: Request) -> bytes:
    """Return an error body that repeats the request's credentials, raw and decoded, in every printable field."""
    sent = request.headers.get("authorization", "nothing")
    kind, _, value = sent.partition(" ")
    plain = base64.b64decode(value).decode() if kind.lower() == "basic" else value
    said = f"you said {sent}, that is {plain} ::error::x ##[error]y"
    return json.dumps({"errors": [{"code": f"DENIED {plain}", "message": said, "detail": said}]}).encode()


def _registry(request: Request) -> Reply:
    """Answer as a registry that gives tokens, and refuses other requests with a body that repeats the token."""
    host = request.headers["host"]
    if request.path.startswith("/token"):
        return Reply(200, {}, json.dumps({"token": TOKEN}).encode())
    if "authorization" not in request.headers:
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{host}/token",service="s"'}, b"{}")
    return Reply(403, {}, _repeated(request))


def _realm(request: Request) -> Reply:
    """Answer as a token server that refuses every request with a body that repeats the password."""
    host = request.headers["host"]
    if request.path.startswith("/token"):
        return Reply(401, {}, _repeated(request))
    return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{host}/token",service="s"'}, b"{}")


def _basic(request: Request) -> Reply:
    """Answer 403 to basic credentials, and repeat the password in the body and in `Location`."""
    if "authorization" not in request.headers:
        return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}, b"{}")
    return Reply(403, {"Location": f"http://u:{PASSWORD}@host/"}, _repeated(request))


@pytest.fixture
def repo(make_repo: Callable[[str], GitRepo]) -> GitRepo:
    """Give a repository whose HEAD has a release tag."""
    repo = make_repo("repo")
    repo.commit("first", files=FILES)
    repo.tag("v1.0.0")
    return repo


def _require_no_secret(folder: Path, done: Result) -> None:
    written = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for secret in SECRETS:
        assert secret not in done.stdout
        assert secret not in done.stderr
        assert [name for name, content in written.items() if secret.encode() in content] == []


@pytest.mark.parametrize("answer", [_registry, _realm, _basic])
@pytest.mark.parametrize("source", ["variable", "file", "identity", "helper"])
def test_credentials_that_a_server_repeats_in_its_answers_are_not_printed(
    answer: Callable[[Request], Reply],
    source: str,
    repo: GitRepo,
    shipmark: Shipmark,
    hostile: Hostile,
    tmp_path: Path,
) -> None:
    server = hostile(answer)
    host = server.url.removeprefix("http://")
    config = tmp_path / "docker"
    config.mkdir()
    env = {"DOCKER_CONFIG": str(config)}
    pair = base64.b64encode(f"token:{PASSWORD}".encode()).decode()
    entry: dict[str, object] = {}
    if source == "variable":
        config.rmdir()
        # As 0.1.0 spelled it, and one name a host.
        for name in (re.sub("[.:]", "_", host), host.replace(".", "_").replace(":", "___")):
            env[f"SHIPMARK_REGISTRY_{name}_TOKEN"] = PASSWORD
    elif source == "file":
        entry = {"auths": {host: {"auth": pair}}}
    elif source == "identity":
        entry = {"auths": {host: {"identitytoken": PASSWORD}}}
    else:
        programs = tmp_path / "bin"
        programs.mkdir()
        helper = programs / "docker-credential-echo"
        answered = json.dumps({"ServerURL": host, "Username": "token", "Secret": PASSWORD})
        helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answered}'\n")
        helper.chmod(0o755)
        entry = {"credHelpers": {host: "echo"}}
        env |= {"PATH": f"{programs}:{shipmark.env['PATH']}"}
    if entry:
        (config / "config.json").write_text(json.dumps(entry))
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    ci = {
        **env,
        "GITHUB_ACTIONS": "true",
        "GITHUB_REF": "refs/tags/v1.0.0",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(outputs / "output"),
        "GITHUB_STEP_SUMMARY": str(outputs / "summary"),
    }
    image = ("--image", f"{host}/acme/app", "--image", "oci:dist/image")
    for args in (
        ("preview", *image, "-v"),
        ("preview", *image, "--json", "--result-file", str(outputs / "result")),
        ("run", *image, "-v", "--result-file", str(outputs / "result")),
        ("run", *image, "--json"),
        ("image", "list", f"{host}/acme/app", "--progress", "json"),
        ("image", "inspect", f"{host}/acme/app:1.0.0", "--json"),
        ("image", "login-check", f"{host}/acme/app"),
        ("promote", f"{host}/acme/app:1.0.0", "--to", "oci:dist/other", "--json"),
        ("rollback", *image, "--to", "0.9.0", "--reason", "it repeats", "--json"),
        ("log", "list", "--json"),
    ):
        done = shipmark(*args, cwd=repo.path, env=ci)
        assert "defect" not in done.stderr, done.stderr
        _require_no_secret(outputs, done)
        _require_no_secret(repo.path, done)
    assert any("authorization" in request.headers or request.body for request in server.requests)


@pytest.mark.parametrize("password", ["hunter2", "hun@ter2", "hun/t@er2#x%?"])
def test_password_in_the_url_of_the_version_log_is_not_printed(
    password: str, repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    url = f"postgresql://rel:{password}@127.0.0.1:1/log"
    repo.write(
        {
            "shipmark.yml": json.dumps(
                {"image": "oci:dist/image", "log": {"store": "sql", "url": "${SHIPMARK_LOG_URL}"}}
            )
        }
    )
    for args in (
        ("config", "show"),
        ("log", "list", "-v"),
        ("log", "migrate"),
        ("preview", "--json"),
        ("run",),
        ("log", "verify"),
    ):
        done = shipmark(*args, cwd=repo.path, env={"SHIPMARK_LOG_URL": url})
        for part in (password, password.rpartition("@")[2] + "@", "er2", "nter"):
            assert part not in done.stdout + done.stderr, (args, done)
        if args[0] != "config":
            assert done.code != 0
    shown = shipmark("config", "show", cwd=repo.path, env={"SHIPMARK_LOG_URL": url}).json
    assert shown["log"][0]["url"] == "postgresql://***@127.0.0.1:1/log"


@pytest.mark.parametrize("url", ["host=db password=hunter2 dbname=log", "ada:hunter2@db/log"])
def test_password_in_a_database_address_that_is_no_url_is_not_printed(
    repo: GitRepo, shipmark: Shipmark, url: str
) -> None:
    repo.write({"shipmark.yml": json.dumps({"image": "oci:dist/image", "log": {"store": "sql", "url": url}})})
    assert shipmark("config", "show", cwd=repo.path).json["log"][0]["url"] == "***"
    refused = shipmark("config", "check", cwd=repo.path)
    assert refused.code == 2
    assert "hunter2" not in refused.stderr


def test_password_in_the_url_of_a_git_remote_is_not_printed(repo: GitRepo, shipmark: Shipmark) -> None:
    repo.git("remote", "add", "origin", "http://user:hun-ter2-x@127.0.0.1:1/log.git")
    repo.write({"shipmark.yml": json.dumps({"image": "oci:dist/image", "log": {"store": "git"}})})
    for args in (
        ("log", "list", "-v"),
        ("preview", "--json"),
        ("version", "--next", "patch", "--create", "--push"),
    ):
        done = shipmark(*args, cwd=repo.path)
        assert "hun-ter2-x" not in done.stdout + done.stderr, (args, done)


@pytest.mark.parametrize("command", ["preview", "run"])
def test_build_arguments_with_secret_names_are_named_in_one_warning(
    command: str, repo: GitRepo, shipmark: Shipmark
) -> None:
    args = {"NPM_TOKEN": "x", "DB_PASSWORD": "y", "VERSION": "{{version}}"}
    repo.write(
        {
            "shipmark.yml": json.dumps(
                {"image": "oci:dist/image", "build": {"builder": "layers", "args": args}}
            )
        }
    )
    repo.commit("configure")
    done = shipmark(command, cwd=repo.path)
    assert done.code == 0
    warned = [line for line in done.stderr.splitlines() if "look secret" in line]
    assert len(warned) == 1
    assert "`DB_PASSWORD`, `NPM_TOKEN`" in warned[0]
    assert "VERSION" not in warned[0]
    assert "COPY its result" in done.stderr
