"""Certificates for one registry, from the folders in which docker, podman and skopeo look for them.

Source: containers-certs.d(5); docker's manual, "Verify repository client with certificates".
"""

from __future__ import annotations

import os
import posixpath
import ssl
from collections.abc import Mapping

from release.errors import ConfigError
from release.filesystem.files import read_file
from release.limits import CREDENTIAL_BYTES


def folder_for(host: str, env: Mapping[str, str]) -> str | None:
    """The folder with certificates for `host`, which has its port, if it has one; None without such a folder.

    The first folder counts: podman's before docker's, and those of the user before those of the system.
    """
    if "/" in host or host in {"", ".", ".."}:
        return None
    home = env.get("HOME")
    config = env.get("XDG_CONFIG_HOME") or (posixpath.join(home, ".config") if home else None)
    places = (
        posixpath.join(config, "containers") if config else None,
        "/etc/containers",
        posixpath.join(config, "docker") if config else None,
        posixpath.join(home, ".docker") if home else None,
        "/etc/docker",
    )
    folders = (posixpath.join(place, "certs.d", host) for place in places if place)
    return next((folder for folder in folders if os.path.isdir(folder)), None)


def add_from(folder: str, context: ssl.SSLContext, *, as_client: bool) -> None:
    """Trust the authorities (`*.crt`) in `folder`, and identify the client by a certificate and key there.

    `as_client`: whether `NAME.cert` with `NAME.key` is used. Raises `ConfigError` for a file that cannot be used.
    """
    try:
        names = sorted(os.listdir(folder))
    except PermissionError:
        return  # of another user: podman passes over it as well
    for name in names:
        path = posixpath.join(folder, name)
        try:
            if name.endswith(".crt"):
                read_file(path, limit=CREDENTIAL_BYTES)  # OpenSSL would read a pipe or device without end
                context.load_verify_locations(cafile=path)
            elif name.endswith(".cert") and as_client:
                _identify(path, context)
        except OSError as error:
            raise _unusable(path, getattr(error, "reason", None) or error.strerror or str(error)) from error


def _identify(path: str, context: ssl.SSLContext) -> None:
    key = f"{path.removesuffix('.cert')}.key"
    for one in (path, key):
        if read_file(one, limit=CREDENTIAL_BYTES) is None:
            raise _unusable(path, f"there is no `{one}`")
    context.load_cert_chain(path, key, password=_no_password)


def _unusable(path: str, why: str) -> ConfigError:
    return ConfigError(
        f"the certificate `{path}` cannot be used: {why}",
        hint="`*.crt` are authorities; `NAME.cert` with `NAME.key` is the client's certificate, both in PEM",
    )


def _no_password() -> str:
    """No passphrase: OpenSSL would ask on the terminal."""
    return ""
