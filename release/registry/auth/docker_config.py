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

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")


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

    `store`: the helper for registries that `helpers` does not list, or None.
    """

    path: str
    entries: Mapping[str, Entry] = {}
    helpers: Mapping[str, str] = {}
    store: str | None = None


def config_paths(env: Mapping[str, str]) -> tuple[str, ...]:
    """Paths of credential files, Docker's before Podman's. The first file with a credential counts."""
    home = env.get("HOME")
    folder = env.get("DOCKER_CONFIG") or (posixpath.join(home, ".docker") if home else None)
    config = env.get("XDG_CONFIG_HOME") or (posixpath.join(home, ".config") if home else None)
    runtime = env.get("XDG_RUNTIME_DIR")
    candidates = (
        posixpath.join(folder, "config.json") if folder else None,
        env.get("REGISTRY_AUTH_FILE"),
        posixpath.join(runtime, "containers", "auth.json") if runtime else None,
        posixpath.join(config, "containers", "auth.json") if config else None,
    )
    return tuple(dict.fromkeys(path for path in candidates if path))


def keys_for(registry: str, repository: str) -> tuple[str, ...]:
    """The keys that may hold a repository's credential, the most specific first."""
    parts = repository.split("/")
    narrow = tuple(f"{registry}/{'/'.join(parts[:length])}" for length in range(len(parts), 0, -1))
    if registry == DOCKER_HUB:
        return (*narrow, *_HUB_KEYS)
    urls = tuple(
        f"{scheme}://{registry}{path}" for scheme in ("https", "http") for path in ("", "/", "/v1/", "/v2/")
    )
    return (*narrow, registry, *urls, f"{registry}/v1/", f"{registry}/v2/")


def parse_auth_file(raw: bytes, path: str) -> AuthFile:
    """Parse a file. Raises `ConfigError`, whose message names the file and never quotes its content."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        # The parser's message may quote the file, and thus a secret.
        raise ConfigError(f"`{path}` is not JSON", hint="repair it, or log in again")
    store = document.get("credsStore")
    return AuthFile(
        path=path,
        entries={key: _entry(value, key, path) for key, value in _table(document, "auths", path).items()},
        helpers={
            key: value
            for key, value in _table(document, "credHelpers", path).items()
            if isinstance(value, str) and value
        },
        store=store if isinstance(store, str) and store else None,
    )


def with_entry(raw: bytes | None, registry: str, entry: Mapping[str, str]) -> bytes:
    """The content of a `config.json` in which docker finds `entry` for `registry`, and the rest of `raw` as it is.

    `raw`: the user's file, which `parse_auth_file` has accepted; None for no file. `entry`: the members of one value of
    `auths`.
    """
    document = {} if raw is None else msgspec.json.decode(raw)
    key = server_of(registry)
    document["auths"] = {**(document.get("auths") or {}), key: dict(entry)}
    if document.get("credsStore") or key in (document.get("credHelpers") or {}):
        # An empty name makes docker read `auths` for this registry, even if `credsStore` names a helper for all others.
        document["credHelpers"] = {**(document.get("credHelpers") or {}), key: ""}
    return msgspec.json.encode(document)


def has_secret(file: AuthFile, registry: str, secret: str) -> bool:
    """Whether docker's own programs find this secret for `registry` in the file, without a helper."""
    key = server_of(registry)
    entry = file.entries.get(key)
    is_asked = file.store is not None or key in file.helpers
    secrets = () if entry is None else (entry.password, entry.identity_token, entry.registry_token)
    return not is_asked and secret in secrets


def server_of(registry: str) -> str:
    """The key under which docker's own programs keep the credential for a registry."""
    return _HUB_KEYS[0] if registry == DOCKER_HUB else registry


def _table(document: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"`{name}` in `{path}` is not a table")
    return value


def _entry(value: Any, key: str, path: str) -> Entry:
    if not isinstance(value, dict):
        raise ConfigError(f"the entry for {_quoted(key)} in `{path}` is not a table")
    username, password = _text(value, "username"), _text(value, "password")
    encoded = _text(value, "auth")
    if encoded:
        username, password = _decode(encoded, key, path)
    return Entry(
        username=username,
        password=password,
        identity_token=_text(value, "identitytoken"),
        registry_token=_text(value, "registrytoken"),
    )


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _decode(encoded: str, key: str, path: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded, validate=True).decode().rstrip("\0")
    except (binascii.Error, ValueError):
        text = ""
    username, separator, password = text.partition(":")
    if not separator:
        # `from None`: the cause's text contains the secret.
        raise ConfigError(
            f"the entry for {_quoted(key)} in `{path}` holds an `auth` that is not base64 of `user:password`",
            hint="log in again",
        ) from None
    return username, password


def _quoted(key: str) -> str:
    """The key in quotes, for a message; cut if it is long, escaped if it is unprintable."""
    return f"`{key}`" if len(key) <= 255 and key.isprintable() else repr(key[:255])
