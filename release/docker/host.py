"""Finds the address of the docker daemon as the docker command does; the SDK's own search ignores docker contexts.

The order: `DOCKER_HOST`; the context named by `DOCKER_CONTEXT`, or else by `currentContext` in docker's config file;
the default socket.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from release.errors import BuilderUnavailable, ConfigError
from release.filesystem.files import read_file
from release.json_text import parse_json
from release.limits import CREDENTIAL_BYTES

DEFAULT_HOST = "unix:///var/run/docker.sock"


class Certificates(msgspec.Struct, frozen=True, kw_only=True):
    """TLS settings for the daemon: paths of PEM files. `verify`: whether the daemon's certificate is checked."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A daemon's address. `source`: the setting it comes from, for messages (`DOCKER_HOST`, a context)."""

    url: str
    source: str
    certificates: Certificates | None = None
    api_version: str | None = None

    @property
    def shown(self) -> str:
        """The address for messages, without user name and password."""
        scheme, separator, rest = self.url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def find_endpoint(env: Mapping[str, str]) -> Endpoint:
    """The daemon that the docker command would use with `env`.

    Raises `BuilderUnavailable` for ssh and unknown schemes, a missing context, and files that cannot be read.
    """
    endpoint = _find(env)
    if endpoint.url.startswith("ssh://"):
        raise BuilderUnavailable(
            f"{endpoint.source} names `{endpoint.shown}`, and shipmark cannot connect to a daemon over ssh",
            hint="forward its socket with `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST`"
            " and set `DOCKER_HOST=unix:///tmp/docker.sock`",
        )
    if not endpoint.url.startswith(("unix://", "tcp://", "http://", "https://")):
        raise BuilderUnavailable(
            f"{endpoint.source} names `{endpoint.shown}`, which is not an address of a daemon",
            hint="write it like `unix:///var/run/docker.sock` or `tcp://host:2376`",
        )
    return endpoint


def config_folder(env: Mapping[str, str]) -> str:
    """The folder of docker's configuration: `DOCKER_CONFIG`, else `~/.docker`."""
    return env.get("DOCKER_CONFIG") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".docker")


def _find(env: Mapping[str, str]) -> Endpoint:
    version = env.get("DOCKER_API_VERSION") or None
    if env.get("DOCKER_HOST"):
        return Endpoint(
            url=env["DOCKER_HOST"],
            source="`DOCKER_HOST`",
            certificates=_from_environment(env),
            api_version=version,
        )
    folder = config_folder(env)
    name = env.get("DOCKER_CONTEXT") or _current_context(folder)
    if name and name != "default":
        return msgspec.structs.replace(_from_context(folder, name), api_version=version)
    return Endpoint(url=DEFAULT_HOST, source="docker's default", api_version=version)


def _from_environment(env: Mapping[str, str]) -> Certificates | None:
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    return _certificates(env.get("DOCKER_CERT_PATH") or config_folder(env), verify=verify)


def _certificates(folder: str, *, verify: bool) -> Certificates:
    paths = {name: os.path.join(folder, f"{name}.pem") for name in ("ca", "cert", "key")}
    found = {name: path if os.path.isfile(path) else None for name, path in paths.items()}
    return Certificates(ca=found["ca"], cert=found["cert"], key=found["key"], verify=verify)


def _current_context(folder: str) -> str:
    document = _load(os.path.join(folder, "config.json"))
    name = document.get("currentContext") if isinstance(document, dict) else None
    return name if isinstance(name, str) else ""


def _from_context(folder: str, name: str) -> Endpoint:
    # The folder's name is a hash of the context's name, so a name such as `../x` cannot lead to another folder.
    identifier = hashlib.sha256(name.encode()).hexdigest()
    document = _load(os.path.join(folder, "contexts", "meta", identifier, "meta.json"))
    if document is None:
        raise BuilderUnavailable(
            f"there is no docker context `{name}`", hint="see `docker context ls`, or unset `DOCKER_CONTEXT`"
        )
    endpoint = _at(document, "Endpoints", "docker")
    url = _at(endpoint, "Host")
    if not isinstance(url, str) or not url:
        raise BuilderUnavailable(
            f"the docker context `{name}` names no daemon", hint=f"see `docker context inspect {name}`"
        )
    certificates = _certificates(
        os.path.join(folder, "contexts", "tls", identifier, "docker"),
        verify=_at(endpoint, "SkipTLSVerify") is not True,
    )
    with_tls = url.startswith("https://") or certificates.ca is not None or certificates.cert is not None
    return Endpoint(
        url=url, source=f"docker context `{name}`", certificates=certificates if with_tls else None
    )


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _load(path: str) -> Any:
    try:
        raw = read_file(path, limit=CREDENTIAL_BYTES)
        return None if raw is None else parse_json(raw, path)
    except (OSError, ConfigError) as error:
        cause = error.message if isinstance(error, ConfigError) else f"`{path}`: {error.strerror or error}"
        raise BuilderUnavailable(
            f"docker's configuration cannot be read: {cause}", hint="repair or remove the file"
        ) from error
