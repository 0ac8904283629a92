"""Judges the realm that a registry names, the address of its token server, before a credential goes there.

Source: the distribution project's token specification.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from release.errors import Invalid

_HINT = "who runs the registry has to correct this address (distribution: `auth: {token: {realm: …}}`)"


class Realms:
    """The realms of one registry. `host`: of the registry. `secure`: whether it speaks TLS. Thread-safe.

    `notice`: told once of each realm below another domain than the registry's.
    """

    def __init__(self, *, host: str, secure: Callable[[], bool], notice: Callable[[str], None]) -> None:
        self._host = host
        self._secure = secure
        self._notice = notice
        self._lock = threading.Lock()  # threads that fetch tokens at once print the notice once
        self._noticed: set[str] = set()

    def require(self, realm: str) -> str:
        """`realm`, if a credential may go there. Raises `Invalid`."""
        try:
            parts = urlsplit(realm)
            host = parts.hostname
            _ = parts.port
        except ValueError:
            host = None
        if host is None or any(not character.isprintable() or character == " " for character in realm):
            raise Invalid(f"`{self._host}` names a token realm that is not a URL", hint=_HINT)
        if parts.scheme != "https" and not (parts.scheme == "http" and not self._secure()):
            raise Invalid(
                f"`{self._host}` names a token realm that is not https: credentials will not go there",
                hint=_HINT,
            )
        if "@" in parts.netloc:
            raise Invalid(f"`{self._host}` names a token realm with a user name in it", hint=_HINT)
        self._tell_once(host)
        return realm

    def _tell_once(self, realm: str) -> None:
        own = urlsplit(f"//{self._host}").hostname or ""
        with self._lock:
            if _domain(realm) == _domain(own) or realm in self._noticed:
                return
            self._noticed.add(realm)
        self._notice(f"`{self._host}` has its tokens issued by `{realm}`")


def _domain(host: str) -> str:
    return ".".join(host.rsplit(".", 2)[-2:])
