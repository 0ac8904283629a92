"""Which credential is used, from which source and in which order; no message shows a secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from release.errors import ConfigError, Denied
from release.ports import Completed
from release.registry.auth.credential import ANONYMOUS
from release.registry.auth.docker_config import config_paths, has_secret, parse_auth_file, with_entry
from release.registry.auth.keychain import Credentials

HOME = {"HOME": "/home/u"}
FILE = "/home/u/.docker/config.json"
SECRET = "s3cr3t-value"
NOT_EXECUTABLE = (126, "", "")  # of a helper that `Helpers` cannot start


class Helpers:
    """Stand-in for credential helper programs: name -> (exit code, stdout, stderr)."""

    def __init__(self, programs: Mapping[str, tuple[int, str, str]]) -> None:
        self.programs = programs
        self.calls: list[tuple[tuple[str, ...], bytes]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Completed:
        self.calls.append((tuple(argv), stdin))
        if argv[0] not in self.programs:
            raise FileNotFoundError(argv[0])
        if self.programs[argv[0]] == NOT_EXECUTABLE:
            raise PermissionError(13, "Permission denied", argv[0])
        code, stdout, stderr = self.programs[argv[0]]
        return Completed(code=code, stdout=stdout.encode(), stderr=stderr.encode())


def _credentials(
    files: Mapping[str, object],
    env: Mapping[str, str] = HOME,
    helpers: Helpers | None = None,
) -> Credentials:
    raw = {
        path: content if isinstance(content, bytes) else json.dumps(content).encode()
        for path, content in files.items()
    }
    return Credentials(env=env, read=raw.get, process=helpers or Helpers({}))


def _auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_config_paths_lists_docker_before_podman_files() -> None:
    assert config_paths({"HOME": "/h"}) == ("/h/.docker/config.json", "/h/.config/containers/auth.json")
    assert config_paths(
        {
            "HOME": "/h",
            "DOCKER_CONFIG": "/d",
            "REGISTRY_AUTH_FILE": "/a",
            "XDG_RUNTIME_DIR": "/r",
            "XDG_CONFIG_HOME": "/c",
        }
    ) == ("/d/config.json", "/a", "/r/containers/auth.json", "/c/containers/auth.json")
    assert config_paths({}) == ()


def test_credential_is_anonymous_without_files_and_variables() -> None:
    assert _credentials({}).find("ghcr.io", "acme/app") == ANONYMOUS
    assert _credentials({FILE: {}}).find("ghcr.io", "acme/app") == ANONYMOUS


@pytest.mark.parametrize(
    "key",
    [
        "ghcr.io",
        "https://ghcr.io",
        "https://ghcr.io/",
        "https://ghcr.io/v1/",
        "ghcr.io/acme",
        "ghcr.io/acme/app",
    ],
)
def test_auth_entry_is_found_under_each_spelling_of_its_key(key: str) -> None:
    found = _credentials({FILE: {"auths": {key: _auth("u", SECRET)}}}).find("ghcr.io", "acme/app")
    assert (found.kind, found.username, found.secret) == ("basic", "u", SECRET)
    assert FILE in found.source


def test_credential_of_one_registry_host_is_not_used_for_other_hosts() -> None:
    credentials = _credentials(
        {FILE: {"auths": {"ghcr.io": _auth("u", SECRET), "ghcr.io/other": _auth("o", SECRET)}}}
    )
    for registry in ("ghcr.io.evil.example", "evil.ghcr.io", "ghcr.io:444", "docker.io", "cr.io"):
        assert credentials.find(registry, "acme/app") == ANONYMOUS


def test_auth_entry_with_the_longest_matching_path_is_used() -> None:
    entries = {
        "ghcr.io": _auth("host", "1"),
        "ghcr.io/acme": _auth("path", "2"),
        "ghcr.io/acme/apple": _auth("no", "3"),
    }
    credentials = _credentials({FILE: {"auths": entries}})
    assert credentials.find("ghcr.io", "acme/app").username == "path"
    assert credentials.find("ghcr.io", "other/app").username == "host"


def test_docker_hub_entry_is_found_under_its_old_key() -> None:
    credentials = _credentials({FILE: {"auths": {"https://index.docker.io/v1/": _auth("u", SECRET)}}})
    assert credentials.find("docker.io", "acme/app").username == "u"


def test_identity_and_registry_tokens_in_auth_entries_are_recognised() -> None:
    entries = {"a.io": {**_auth("u", "p"), "identitytoken": SECRET}, "b.io": {"registrytoken": SECRET}}
    credentials = _credentials({FILE: {"auths": entries}})
    assert (credentials.find("a.io", "x").kind, credentials.find("b.io", "x").kind) == ("identity", "bearer")


def test_first_credential_file_with_an_entry_for_the_host_is_used() -> None:
    podman = "/home/u/.config/containers/auth.json"
    credentials = _credentials(
        {
            FILE: {"auths": {"a.io": _auth("docker", "1")}},
            podman: {"auths": {"a.io": _auth("podman", "2"), "b.io": _auth("podman", "2")}},
        }
    )
    assert credentials.find("a.io", "x").username == "docker"
    assert credentials.find("b.io", "x").username == "podman"


def test_credential_variables_precede_credential_files() -> None:
    env = {
        **HOME,
        "SHIPMARK_REGISTRY_GHCR_IO_TOKEN": SECRET,
        "SHIPMARK_REGISTRY_LOCALHOST___5000_PASSWORD": "p",
    }
    env["SHIPMARK_REGISTRY_LOCALHOST___5000_USERNAME"] = "me"
    credentials = _credentials({FILE: {"auths": {"ghcr.io": _auth("u", "file")}}}, env)
    found = credentials.find("ghcr.io", "acme/app")
    assert (found.username, found.secret) == ("token", SECRET)
    assert found.source == "variable `SHIPMARK_REGISTRY_GHCR_IO_TOKEN`"
    assert credentials.find("localhost:5000", "x").username == "me"
    assert credentials.variable("europe-docker.pkg.dev") == "SHIPMARK_REGISTRY_EUROPE__DOCKER_PKG_DEV_TOKEN"


def test_credential_helper_is_started_once_with_the_host_on_stdin() -> None:
    helpers = Helpers({"docker-credential-x": (0, json.dumps({"Username": "u", "Secret": SECRET}), "")})
    credentials = _credentials(
        {FILE: {"credHelpers": {"a.io": "x"}, "auths": {"a.io": _auth("no", "no")}}}, helpers=helpers
    )
    assert credentials.find("a.io", "one").secret == SECRET
    assert credentials.find("a.io", "two").secret == SECRET
    assert helpers.calls == [(("docker-credential-x", "get"), b"a.io")]


def test_credential_helper_may_return_an_identity_token() -> None:
    helpers = Helpers({"docker-credential-x": (0, json.dumps({"Username": "<token>", "Secret": SECRET}), "")})
    assert _credentials({FILE: {"credsStore": "x"}}, helpers=helpers).find("a.io", "b").kind == "identity"


def test_auth_entry_is_used_if_the_credential_store_finds_nothing() -> None:
    helpers = Helpers({"docker-credential-x": (1, "credentials not found in native keychain\n", "")})
    credentials = _credentials(
        {FILE: {"credsStore": "x", "auths": {"a.io": _auth("u", SECRET)}}}, helpers=helpers
    )
    assert credentials.find("a.io", "b").username == "u"
    assert credentials.find("docker.io", "b") == ANONYMOUS
    assert helpers.calls[-1][1] == b"https://index.docker.io/v1/"


def test_error_of_a_credential_helper_is_quoted() -> None:
    helpers = Helpers({"docker-credential-x": (1, "", "the keyring\x1b is locked\n")})
    with pytest.raises(Denied, match="the keyring  is locked"):
        _credentials({FILE: {"credsStore": "x"}}, helpers=helpers).find("a.io", "b")


def test_error_for_a_missing_credential_helper_names_the_program_and_a_variable() -> None:
    with pytest.raises(Denied, match="docker-credential-gone") as caught:
        _credentials({FILE: {"credHelpers": {"a.io": "gone"}}}).find("a.io", "b")
    assert "SHIPMARK_REGISTRY_A_IO_TOKEN" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (NOT_EXECUTABLE, "cannot be started: Permission denied"),
        ((-9, "", ""), "exit code -9"),
        ((1, "", "the keyring is locked"), "the keyring is locked"),
        ((0, "", ""), "something that is not a credential"),
        ((0, '{"Username": 5, "Secret": "x"}', ""), "something that is not a credential"),
        ((0, "WARNING: new version\n{}", ""), "something that is not a credential"),
    ],
)
def test_error_of_a_credential_helper_has_a_hint_with_its_file_and_a_variable(
    answer: tuple[int, str, str], says: str
) -> None:
    helpers = Helpers({"docker-credential-x": answer})
    with pytest.raises(Denied, match=says) as caught:
        _credentials({FILE: {"credsStore": "x"}}, helpers=helpers).find("a.io", "b")
    assert FILE in str(caught.value.hint)
    assert "SHIPMARK_REGISTRY_A_IO_TOKEN" in str(caught.value.hint)


def test_members_of_a_helpers_answer_are_read_in_any_case_as_by_docker() -> None:
    helpers = Helpers({"docker-credential-x": (0, json.dumps({"username": "u", "SECRET": SECRET}), "")})
    found = _credentials({FILE: {"credsStore": "x"}}, helpers=helpers).find("a.io", "b")
    assert (found.username, found.secret) == ("u", SECRET)


def test_an_empty_helper_name_makes_one_registry_use_the_file_instead_of_the_store() -> None:
    helpers = Helpers({"docker-credential-x": (0, json.dumps({"Username": "store", "Secret": SECRET}), "")})
    own = {"credsStore": "x", "credHelpers": {"a.io": ""}, "auths": {"a.io": _auth("file", SECRET)}}
    credentials = _credentials({FILE: own}, helpers=helpers)
    assert [credentials.find(host, "x").username for host in ("a.io", "b.io")] == ["file", "store"]


def test_docker_auth_config_precedes_credential_files_and_names_no_helper() -> None:
    value = {"auths": {"a.io": _auth("variable", "1")}, "credsStore": "x", "credHelpers": {"b.io": "x"}}
    env = {**HOME, "DOCKER_AUTH_CONFIG": json.dumps(value)}
    files = {FILE: {"auths": {host: _auth("file", "2") for host in ("a.io", "b.io")}}}
    credentials = _credentials(files, env)
    assert [credentials.find(host, "x").username for host in ("a.io", "b.io")] == ["variable", "file"]
    assert credentials.find("a.io", "x").source == "`DOCKER_AUTH_CONFIG`"
    assert _credentials(files, {**HOME, "DOCKER_AUTH_CONFIG": "{"}).find("a.io", "x").username == "file"


def test_name_of_a_credential_helper_with_a_path_is_refused() -> None:
    with pytest.raises(ConfigError):
        _credentials({FILE: {"credHelpers": {"a.io": "../../bin/sh"}}}).find("a.io", "b")


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"auths": {"ghcr.io": {"auth": 5}}}, "`auth` of the entry for `ghcr.io` in `f` is not a string"),
        (
            {"auths": {"ghcr.io": {"password": ["p"]}}},
            "`password` of the entry for `ghcr.io` in `f` is not a string",
        ),
        ({"auths": {"ghcr.io": 1}}, "the entry for `ghcr.io` in `f` is not a table"),
        ({"credHelpers": {"ghcr.io": {}}}, "`ghcr.io` of `credHelpers` in `f` is not a string"),
        ({"credsStore": ["desktop"]}, "`credsStore` of `f` is not a string"),
        ({"credHelpers": []}, "`credHelpers` in `f` is not a table"),
    ],
)
def test_values_of_another_type_are_named_and_left_out(document: object, fault: str) -> None:
    read = parse_auth_file(json.dumps(document).encode(), "f")
    assert read.faults == (fault,)
    assert (read.helpers, read.store) == ({}, None)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_breaks_in_an_auth_are_ignored_as_by_docker(ending: str) -> None:
    encoded = base64.encodebytes(f"robot:{SECRET * 10}".encode()).decode().replace("\n", ending)
    assert encoded.count(ending) > 1
    found = parse_auth_file(json.dumps({"auths": {"ghcr.io": {"auth": encoded}}}).encode(), "f")
    assert (found.entries["ghcr.io"].password, found.faults) == (SECRET * 10, ())


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"{",
        b'{"auths": []}',
        b'{"auths": {"a.io": "' + SECRET.encode() + b'"}}',
        b'{"auths": {"a.io": {"auth": "' + SECRET.encode() + b'"}}}',
        b'{"auths": {"a.io": {"auth": "' + base64.b64encode(SECRET.encode()) + b'"}}}',
        b"\xff\xfe",
    ],
)
def test_warning_about_a_broken_auth_file_hides_its_content(raw: bytes) -> None:
    notes: list[str] = []
    credentials = Credentials(env=HOME, read={FILE: raw}.get, process=Helpers({}), notice=notes.append)
    assert credentials.find("a.io", "b") == credentials.find("a.io", "c") == ANONYMOUS
    (note,) = notes
    assert "config.json" in note
    assert SECRET not in note
    assert SECRET not in repr(credentials.tried("a.io", "b"))


@pytest.mark.parametrize("raw", [b"[]", b"{", b"\xff\xfe", SECRET.encode()])
def test_error_for_an_auth_file_that_is_not_a_json_object_hides_its_content(raw: bytes) -> None:
    with pytest.raises(ConfigError, match=r"config\.json") as caught:
        parse_auth_file(raw, FILE)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_text_forms_of_credentials_hide_the_secret() -> None:
    credentials = _credentials({FILE: {"auths": {"a.io": _auth("u", SECRET)}}})
    found = credentials.find("a.io", "b")
    file = parse_auth_file(json.dumps({"auths": {"a.io": _auth("u", SECRET)}}).encode(), FILE)
    for text in (repr(found), str(found), f"{found}", repr(file), str(file)):
        assert SECRET not in text


@pytest.mark.parametrize("registry", ["ghcr.io", "docker.io"])
@pytest.mark.parametrize(
    "own",
    [
        None,
        {},
        {"auths": {"quay.io": {"auth": "YTpi"}}},
        {"auths": None, "credsStore": "desktop"},
        {"credHelpers": {"ghcr.io": "gh", "https://index.docker.io/v1/": "gh", "quay.io": "q"}},
    ],
)
def test_a_config_file_with_shipmarks_entry_gives_docker_this_credential_and_keeps_the_others(
    registry: str, own: dict[str, Any] | None
) -> None:
    raw = None if own is None else json.dumps(own).encode()
    entry = {"auth": base64.b64encode(b"robot:sesame").decode()}
    made = json.loads(with_entry(raw, registry, entry))
    key = "https://index.docker.io/v1/" if registry == "docker.io" else registry
    assert made["auths"][key] == entry
    # Docker's own rule: a helper for the registry, else `credsStore`, else `auths`.
    assert made.get("credHelpers", {}).get(key, made.get("credsStore", "")) == ""
    assert made.get("credsStore") == (own or {}).get("credsStore")
    for name in ("auths", "credHelpers"):
        kept = {other: value for other, value in ((own or {}).get(name) or {}).items() if other != key}
        assert kept.items() <= (made.get(name) or {}).items()


@pytest.mark.parametrize(
    ("own", "is_found"),
    [
        ({"auths": {"ghcr.io": {"auth": "cm9ib3Q6c2VzYW1l"}}}, True),
        ({"auths": {"ghcr.io": {"identitytoken": "sesame"}}}, True),
        ({"auths": {"ghcr.io": {"auth": "cm9ib3Q6b3RoZXI="}}}, False),
        ({"auths": {"ghcr.io/acme": {"auth": "cm9ib3Q6c2VzYW1l"}}}, False),
        ({"auths": {"ghcr.io": {"auth": "cm9ib3Q6c2VzYW1l"}}, "credsStore": "desktop"}, False),
        ({"auths": {"ghcr.io": {"auth": "cm9ib3Q6c2VzYW1l"}}, "credHelpers": {"ghcr.io": "x"}}, False),
        (
            {
                "auths": {"ghcr.io": {"auth": "cm9ib3Q6c2VzYW1l"}},
                "credHelpers": {"ghcr.io": ""},
                "credsStore": "desktop",
            },
            True,
        ),
    ],
)
def test_has_secret_is_true_only_if_dockers_config_file_gives_that_secret(
    own: dict[str, Any], is_found: bool
) -> None:
    file = parse_auth_file(json.dumps(own).encode(), "config.json")
    assert has_secret(file, "ghcr.io", "sesame") is is_found
