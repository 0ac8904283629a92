"""Reads the certificate authorities that connections trust, from where crane, skopeo and OpenSSL read them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from release.errors import ConfigError
from release.filesystem.files import read_file
from release.limits import CREDENTIAL_BYTES

if TYPE_CHECKING:
    import ssl

# Files in one folder of SSL_CERT_DIR that are read. A system's own folder has up to 300, with symlinks twice as many.
_MOST_FILES = 2_000


def verified(env: Mapping[str, str], ca: str | None) -> ssl.SSLContext:
    """TLS settings that require a valid certificate. `ca`: a file with further authorities.

    SSL_CERT_FILE replaces the system's authorities. The files in the folders of SSL_CERT_DIR come on top, whatever
    their names are. Raises `ConfigError` for a named file that cannot be read.
    """
    import ssl  # imported late: plain http needs no TLS

    path = replaced = env.get("SSL_CERT_FILE") or None
    try:
        _require_file(replaced)
        context = ssl.create_default_context(cafile=replaced)
        if ca is not None:
            path = ca
            _require_file(ca)
            context.load_verify_locations(cafile=ca)
    except OSError as error:
        raise ConfigError(
            f"the certificate authorities in `{path}` cannot be read: {error.strerror or error}",
            hint="name a readable PEM file",
        ) from error
    # As in Go: any certificate that is named is trusted by itself, such as an intermediate one or the server's own, and
    # private authorities need no key identifiers, which Python 3.13 and later require (RFC 5280, section 4.2.1.1).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for text in _in_folders(env.get("SSL_CERT_DIR", "")):
        try:
            context.load_verify_locations(cadata=text)
        except ssl.SSLError:
            continue  # not a certificate, or a damaged one: crane and skopeo pass over it as well
    return context


def _require_file(path: str | None) -> None:
    """Raise `ConfigError` for a pipe or device, which OpenSSL would read without end."""
    if path is not None:
        read_file(path, limit=CREDENTIAL_BYTES)


def _in_folders(folders: str) -> Iterator[str]:
    """The texts of the files in `folders`, paths with `:` between them.

    OpenSSL itself finds a file in such a folder only by a name that is a hash (`openssl rehash`); Go, in which crane,
    skopeo and docker are written, reads each file.
    """
    seen: set[str] = set()
    for folder in filter(None, folders.split(os.pathsep)):
        try:
            names = sorted(os.listdir(folder))[:_MOST_FILES]
        except OSError:
            continue  # a folder that is missing on this machine is usual in a list
        for name in names:
            path = os.path.realpath(os.path.join(folder, name))
            if path in seen:
                continue  # a hash beside the file's own name
            seen.add(path)
            try:
                content = read_file(path, limit=CREDENTIAL_BYTES) or b""
            except (ConfigError, OSError):
                continue  # a folder, a pipe, or a file of somebody else
            text = content.decode("ascii", "ignore")  # comments may hold other characters
            if "-----BEGIN CERTIFICATE-----" in text:
                yield text
