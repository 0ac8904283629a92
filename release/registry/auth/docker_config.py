"""Finds and parses Docker's `config.json` and Podman's `auth.json`. Pure.

Source: docker/cli's config file; containers-auth.json(5).
"""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Mapping
from typing import Any

import msgspec

from release.errors import ConfigError
from release.oci.reference import DOCKER_HUB

# The keys of Docker Hub; the first one is the key that `docker login` writes.
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
#: The variable whose JSON precedes docker's file, for docker 28.3 and later. Docker reads only `auths` of it.
VARIABLE = "DOCKER_AUTH_CONFIG"
_HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
# Paths of the registry's API: in a key without a scheme, such a path does not name a namespace.
_API_PATHS = frozenset({"", "v1", "v1/", "v2", "v2/"})
# Members of one value of `auths` that are read.
_MEMBERS = ("username", "password", "auth", "identitytoken", "registrytoken")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The credential under one key of `auths`."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return "Entry(…)"

    __str__ = __repr__


class AuthFile(msgspec.Struct, frozen=True, kw_only=True):
    """One credential file. `entries`, `helpers`: the keys are registries, some with a path below.

    `helpers`: an empty name stands for no helper. `store`: the helper for registries that `helpers` does not list, or
    None. `faults`: what was left out, and why.
    """

    path: str
    entries: Mapping[str, Entry] = {}
    helpers: Mapping[str, str] = {}
    store: str | None = None
    faults: tuple[str, ...] = ()


def config_paths(env: Mapping[str, str], uid: int | None = None) -> tuple[str, ...]:
    """Paths of credential files, Docker's before Podman's. The first file with a credential counts.

    `uid`: the user, under whose number podman writes where `XDG_RUNTIME_DIR` is not set.
    """
    home = env.get("HOME")
    folder = env.get("DOCKER_CONFIG") or (posixpath.join(home, ".docker") if home else None)
    config = env.get("XDG_CONFIG_HOME") or (posixpath.join(home, ".config") if home else None)
    runtime = env.get("XDG_RUNTIME_DIR")
    numbered = None if uid is None else f"/run/containers/{uid}"
    candidates = (
        posixpath.join(folder, "config.json") if folder else None,
        env.get("REGISTRY_AUTH_FILE"),
        posixpath.join(runtime, "containers", "auth.json") if runtime else None,
        posixpath.join(numbered, "auth.json") if numbered and not runtime else None,
        posixpath.join(config, "containers", "auth.json") if config else None,
    )
    return tuple(dict.fromkeys(path for path in candidates if path))


def old_config_path(env: Mapping[str, str]) -> str | None:
    """The path of `.dockercfg`, Docker's file before 1.7, which podman still reads: it is the table `auths` alone."""
    home = env.get("HOME")
    return posixpath.join(home, ".dockercfg") if home else None


def keys_for(registry: str, repository: str) -> tuple[str, ...]:
    """The exact keys that may hold a repository's credential, the most specific first. See also `names_host`."""
    parts = repository.split("/")
    narrow = tuple(f"{registry}/{'/'.join(parts[:length])}" for length in range(len(parts), 0, -1))
    return (*narrow, *(_HUB_KEYS if registry == DOCKER_HUB else (registry,)))


def names_host(key: str, registry: str) -> bool:
    """Whether a key is an older spelling of the whole registry, which Docker and podman still accept.

    Older spellings are URLs (`https://ghcr.io/acme`: the path does not count), and paths of the API (`ghcr.io/v1/`).
    """
    host, path = key, ""
    for scheme in ("https://", "http://"):
        if key.startswith(scheme):
            host = key.removeprefix(scheme).partition("/")[0]
            break
    else:
        host, _, path = key.partition("/")
    if path not in _API_PATHS:
        return False
    return host == registry or (registry == DOCKER_HUB and host in _HUB_HOSTS)


def parse_auth_file(raw: bytes, path: str, *, old: bool = False) -> AuthFile:
    """Parse a credential file; an empty file has no entries. `old`: the file is a `.dockercfg`.

    Parts that cannot be used are left out, as by docker, and named in `faults`, which quote keys, but no values. Raises
    `ConfigError` for a file that is not a JSON object.
    """
    try:
        document = msgspec.json.decode(raw) if raw.strip() else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        # The parser's message may quote the file, and thus a secret.
        raise ConfigError(f"`{path}` is not a JSON object", hint="repair it, or log in again")
    if old:
        document = {"auths": document}
    faults: list[str] = []
    entries: dict[str, Entry] = {}
    for key, value in _table(document, "auths", path, faults).items():
        entry = _entry(value, key, path, faults)
        if entry is not None:
            entries[key] = entry
    named = _table(document, "credHelpers", path, faults)
    where = f"`credHelpers` in `{path}`"
    helpers = {key: _text(named, key, where, faults) for key in named}
    store = _text(document, "credsStore", f"`{path}`", faults)
    return AuthFile(
        path=path,
        entries=entries,
        helpers={key: helper for key, helper in helpers.items() if isinstance(named[key], str)},
        store=store or None,
        faults=tuple(faults),
    )


def with_entry(raw: bytes | None, registry: str, entry: Mapping[str, str]) -> bytes:
    """The content of a `config.json` in which docker finds `entry` for `registry`, and the rest of `raw` as it is.

    `raw`: the user's file, which `parse_auth_file` has accepted; None for no file. `entry`: the members of one value of
    `auths`.
    """
    document = msgspec.json.decode(raw) if raw is not None and raw.strip() else {}
    key = server_of(registry)
    faults: list[str] = []
    document["auths"] = {**_table(document, "auths", "", faults), key: dict(entry)}
    helpers = _table(document, "credHelpers", "", faults)
    if document.get("credsStore") or key in helpers:
        # An empty name makes docker read `auths` for this registry, even if `credsStore` names a helper for all others.
        document["credHelpers"] = {**helpers, key: ""}
    return msgspec.json.encode(document)


def has_secret(file: AuthFile, registry: str, secret: str) -> bool:
    """Whether docker's own programs find this secret for `registry` in the file, without a helper."""
    key = server_of(registry)
    entry = file.entries.get(key)
    is_asked = bool(file.helpers.get(key, file.store))
    secrets = () if entry is None else (entry.password, entry.identity_token, entry.registry_token)
    return not is_asked and secret in secrets


def server_of(registry: str) -> str:
    """The key under which docker's own programs keep the credential for a registry."""
    return _HUB_KEYS[0] if registry == DOCKER_HUB else registry


def _table(document: dict[str, Any], name: str, path: str, faults: list[str]) -> dict[str, Any]:
    value = document.get(name)
    if value is None or isinstance(value, dict):
        return value or {}
    faults.append(f"`{name}` in `{path}` is not a table")
    return {}


def _entry(value: Any, key: str, path: str, faults: list[str]) -> Entry | None:
    if not isinstance(value, dict):
        faults.append(f"the entry for {_quoted(key)} in `{path}` is not a table")
        return None
    where = f"the entry for {_quoted(key)} in `{path}`"
    texts = {name: _text(value, name, where, faults) for name in _MEMBERS}
    username, password, encoded = texts["username"], texts["password"], texts["auth"]
    if encoded:
        decoded = _decode(encoded)
        if decoded is None:
            faults.append(f"{where} holds an `auth` that is not base64 of `user:password`")
            return None
        username, password = decoded
    return Entry(
        username=username,
        password=password,
        identity_token=texts["identitytoken"],
        registry_token=texts["registrytoken"],
    )


def _text(table: dict[str, Any], name: str, where: str, faults: list[str]) -> str:
    """The text under a name; "" for none, and for a value of another type, which is added to `faults`."""
    found = table.get(name)
    if found is None or isinstance(found, str):
        return found or ""
    faults.append(f"{_quoted(name)} of {where} is not a string")
    return ""


def _decode(encoded: str) -> tuple[str, str] | None:
    try:
        # Go, in which docker and podman are written, ignores line breaks: `base64` wraps its lines.
        plain = encoded.replace("\r", "").replace("\n", "")
        text = base64.b64decode(plain, validate=True).decode().rstrip("\0")
    except (binascii.Error, ValueError):
        return None
    username, separator, password = text.partition(":")
    return (username, password) if separator else None


def _quoted(key: str) -> str:
    """The key in quotes, for a message; cut if it is long, escaped if it is unprintable."""
    return f"`{key}`" if len(key) <= 255 and key.isprintable() else repr(key[:255])
