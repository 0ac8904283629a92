"""Cases of credential files, and a program that asks crane and skopeo which credential they find in each.

`python -m tests.support.registries.credential_cases CRANE SKOPEO > tests/conformance/credentials.json` writes the table
anew. Paths of files and in variables are relative to the case's folder.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DOCKER = "home/.docker/config.json"
RUNTIME = "run/containers/auth.json"
CONFIG = "home/.config/containers/auth.json"
OWN = "own/auth.json"
OLD = "home/.dockercfg"
_HUB = "https://index.docker.io/v1/"
#: Helper -> what it prints and its exit code.
HELPERS = {
    "good": ('{"ServerURL": "x", "Username": "helped", "Secret": "s"}', 0),
    "token": ('{"ServerURL": "x", "Username": "<token>", "Secret": "s"}', 0),
    "none": ("credentials not found in native keychain", 1),
}


def entry(user: str, password: str = "p") -> dict[str, str]:
    """Return an entry of `auths` for a user."""
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def cases() -> Iterator[dict[str, Any]]:
    """Yield each case: its `name`, `files` (path -> document or text), `env`, `registry` and `repository`."""
    yield from _spellings()
    yield from _entries()
    yield from _places()
    yield from _helpers()
    yield from _broken()


def _case(name: str, files: Mapping[str, Any], registry: str = "ghcr.io", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "files": dict(files),
        "env": {},
        "registry": registry,
        "repository": "acme/app",
        **more,
    }


def _spellings() -> Iterator[dict[str, Any]]:
    forms = (
        "{}", "https://{}", "http://{}", "https://{}/", "https://{}/v1", "https://{}/v1/", "https://{}/v2/",
        "{}/", "{}/v1/", "{}/v2/", "{}/acme", "{}/acme/app", "{}/other", "https://{}/acme", "https://{}/acme/app",
        "{}.evil.example", "evil.{}", "https://{}.evil.example/", "https://evil.example/{}",
    )  # fmt: skip
    for host in ("ghcr.io", "localhost:5000", "docker.io"):
        for form in forms:
            key = form.format(host)
            yield _case(f"key {key} for {host}", {DOCKER: {"auths": {key: entry("u")}}}, host)
    for key in (
        _HUB, "https://index.docker.io/v1", "https://index.docker.io", "index.docker.io", "index.docker.io/v1/",
        "https://index.docker.io/v2/", "registry-1.docker.io", "https://registry-1.docker.io", "hub.docker.com",
    ):  # fmt: skip
        yield _case(f"key {key} for docker.io", {DOCKER: {"auths": {key: entry("u")}}}, "docker.io")
    for keys in (
        ("ghcr.io", "https://ghcr.io"),
        ("ghcr.io/acme", "ghcr.io"),
        ("ghcr.io/acme", "ghcr.io/acme/app"),
    ):
        auths = {key: entry(f"u{number}") for number, key in enumerate(keys)}
        yield _case(f"keys {' and '.join(keys)}", {DOCKER: {"auths": auths}})
    for keys in ((_HUB, "index.docker.io"), ("docker.io/acme", _HUB)):
        auths = {key: entry(f"u{number}") for number, key in enumerate(keys)}
        yield _case(f"keys {' and '.join(keys)}", {DOCKER: {"auths": auths}}, "docker.io")


def _entries() -> Iterator[dict[str, Any]]:
    for name, one in {
        "a password with colons": entry("u", "a:b:c"),
        "an empty password": entry("u", ""),
        "text beyond ASCII": entry("ü", "pässwörd"),
        "a NUL at the end": {"auth": base64.b64encode(b"u:p\0\0").decode()},
        "user name and password": {"username": "u", "password": "p"},
        "an identity token": {**entry("u"), "identitytoken": "t"},
        "an identity token alone": {"identitytoken": "t"},
        "a registry token": {"registrytoken": "t"},
        "no members": {},
        "an e-mail": {**entry("u"), "email": "u@example.com"},
    }.items():
        yield _case(f"entry with {name}", {DOCKER: {"auths": {"ghcr.io": one}}})


def _places() -> Iterator[dict[str, Any]]:
    def one(user: str, host: str = "ghcr.io") -> dict[str, Any]:
        return {"auths": {host: entry(user)}}

    own: dict[str, Any] = {"env": {"REGISTRY_AUTH_FILE": OWN}}
    yield _case("docker's file", {DOCKER: one("docker")})
    yield _case("the runtime folder's file", {RUNTIME: one("runtime")})
    yield _case("the file of ~/.config", {CONFIG: one("config")})
    yield _case("REGISTRY_AUTH_FILE", {OWN: one("own")}, **own)
    yield _case("the old .dockercfg", {OLD: {"https://ghcr.io/v1/": entry("old")}})
    yield _case(
        "DOCKER_CONFIG", {"d/config.json": one("other"), DOCKER: one("docker")}, env={"DOCKER_CONFIG": "d"}
    )
    yield _case("XDG_CONFIG_HOME", {"c/containers/auth.json": one("xdg")}, env={"XDG_CONFIG_HOME": "c"})
    yield _case("docker's file beside the runtime folder's", {DOCKER: one("docker"), RUNTIME: one("runtime")})
    yield _case("docker's file beside that of ~/.config", {DOCKER: one("docker"), CONFIG: one("config")})
    yield _case("docker's file beside REGISTRY_AUTH_FILE", {DOCKER: one("docker"), OWN: one("own")}, **own)
    yield _case(
        "REGISTRY_AUTH_FILE beside the runtime folder's", {OWN: one("own"), RUNTIME: one("runtime")}, **own
    )
    yield _case(
        "the runtime folder's beside that of ~/.config", {RUNTIME: one("runtime"), CONFIG: one("config")}
    )
    yield _case("docker's file for another host", {DOCKER: one("docker", "a.io"), RUNTIME: one("runtime")})
    yield _case("REGISTRY_AUTH_FILE that is missing", {CONFIG: one("config")}, **own)
    yield _case("no file", {})


def _helpers() -> Iterator[dict[str, Any]]:
    for helper in HELPERS:
        files = {DOCKER: {"credHelpers": {"ghcr.io": helper}, "auths": {"ghcr.io": entry("entry")}}}
        yield _case(f"credHelpers {helper}", files)
        yield _case(f"credHelpers {helper} for another host", {DOCKER: {"credHelpers": {"a.io": helper}}})
        yield _case(f"credsStore {helper}", {DOCKER: {"credsStore": helper}})
        yield _case(f"credsStore {helper} beside an entry", {DOCKER: {"credsStore": helper, **files[DOCKER]}})
        yield _case(
            f"credsStore {helper} beside an entry alone",
            {DOCKER: {"credsStore": helper, "auths": {"ghcr.io": entry("entry")}}},
        )
        yield _case(
            f"credHelpers {helper} for the Hub", {DOCKER: {"credHelpers": {_HUB: helper}}}, "docker.io"
        )
        yield _case(f"credHelpers {helper} in podman's file", {RUNTIME: {"credHelpers": {"ghcr.io": helper}}})


def _broken() -> Iterator[dict[str, Any]]:
    for name, text in {
        "empty": "",
        "spaces": " \n",
        "not JSON": "{",
        "a list": "[]",
        "auths is a list": '{"auths": []}',
        "an entry is a text": '{"auths": {"ghcr.io": "x"}}',
        "auth is not base64": '{"auths": {"ghcr.io": {"auth": "%"}}}',
        "auth has no colon": '{"auths": {"ghcr.io": {"auth": "dXNlcg=="}}}',
        "null": '{"auths": null, "credHelpers": null}',
    }.items():
        yield _case(f"docker's file: {name}", {DOCKER: text})
        yield _case(
            f"docker's file: {name}, beside podman's",
            {DOCKER: text, CONFIG: {"auths": {"ghcr.io": entry("u")}}},
        )


def lay(case: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Write the case's files and the credential helpers below `folder`; return the case's environment."""
    (folder / "home").mkdir(parents=True)
    (folder / "run").mkdir()
    (folder / "bin").mkdir()
    for path, content in case["files"].items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content))
    for name, (text, code) in HELPERS.items():
        program = folder / "bin" / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '%s' '{text}'\nexit {code}\n")
        program.chmod(0o755)
    named = {name: str(folder / path) for name, path in case["env"].items()}
    return {
        "HOME": str(folder / "home"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        **named,
    }


def ask_crane(program: str, case: Mapping[str, Any], env: Mapping[str, str]) -> list[str] | None:
    """Return user name and secret that crane finds for the registry; None if it finds none, `["error"]` if it fails."""
    done = subprocess.run(
        [program, "auth", "get", case["registry"]], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        found = json.loads(done.stdout)
        return [found.get("Username", ""), found.get("Secret", "")]
    return None if "credentials not found" in done.stdout + done.stderr else ["error"]


def ask_skopeo(program: str, case: Mapping[str, Any], env: Mapping[str, str]) -> str | None:
    """Return the user name that skopeo finds for the repository; None if it finds none, `error` if it fails."""
    argv = [program, "login", "--get-login", f"{case['registry']}/{case['repository']}"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip()
    return None if "not logged into" in done.stderr else "error"


def main(crane: str, skopeo: str) -> None:
    """Print the table of all cases with the answers of crane and of skopeo."""
    table = []
    for case in cases():
        with tempfile.TemporaryDirectory() as name:
            env = lay(case, Path(name))
            table.append(
                {**case, "crane": ask_crane(crane, case, env), "skopeo": ask_skopeo(skopeo, case, env)}
            )
    about = "written for this project; the answers are those of crane v0.22.1 and skopeo 1.9.3"
    json.dump({"about": about, "cases": table}, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:3])
