"""Credentials in environment variables: each name belongs to one host. Pure.

`SHIPMARK_REGISTRY_<HOST>_TOKEN`, `..._PASSWORD` and `..._USERNAME`, with `_` for `.`, `__` for `-` and `___` for `:`.
0.1.0 wrote `_` for each of `.`, `-` and `:`, so that `registry.example.com` shared its variable with
`registry-example.com`, a name that anybody can register.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping

import msgspec

from release.errors import ConfigError

_PREFIX = "SHIPMARK_REGISTRY_"
_ENDINGS = ("TOKEN", "PASSWORD")
# Different hosts get different variable names, so that one variable holds the credential of one host.
# A label of a host name begins and ends with a letter or digit, so no dash stands beside a dot or colon. In a variable
# of a host name, one `_` therefore comes from a dot, a run of three from a colon, and a run of even length from dashes.
# The brackets of an IPv6 address become the small letters `v` and `w`; between them each `___` comes from a colon.
# A `_` in a host becomes the small letter `u`; all other letters are capitals.
_SPELLINGS = {".": "_", "-": "__", ":": "___", "_": "u", "[": "v", "]": "w"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The credential in the variables of one host. `name`: the variable that holds the secret."""

    name: str
    secret: str
    username: str = ""

    def __repr__(self) -> str:
        return f"Found(name={self.name!r})"

    __str__ = __repr__


def prefix_of(registry: str) -> str:
    """The common prefix of the host's variables: `SHIPMARK_REGISTRY_GHCR_IO`."""
    return _PREFIX + "".join(_SPELLINGS.get(character, character) for character in registry.upper())


def old_prefix_of(registry: str) -> str:
    """The prefix that 0.1.0 used; several hosts share it."""
    return _PREFIX + re.sub(r"[^A-Z0-9]+", "_", registry.upper()).strip("_")


class Variables:
    """Credentials in `env`. `hosts`: every registry of this run. `notice`: prints a warning. Thread-safe."""

    def __init__(
        self, env: Mapping[str, str], *, hosts: Callable[[], Iterable[str]], notice: Callable[[str], object]
    ) -> None:
        self._env = env
        self._hosts = hosts
        self._notice = notice
        # Guards `_said`: threads that look up a host at once print each warning only once.
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def find(self, registry: str) -> Found | None:
        """The host's credential, or None. Raises `ConfigError` for an old spelling that several hosts could claim.

        Prints a warning where a variable in the old spelling is used, or belongs to another host, and about a user name
        without a secret.
        """
        own, old = prefix_of(registry), old_prefix_of(registry)
        found = self._at(own)
        if found is None and old != own:
            found = self._in_old_spelling(registry, own, old)
        if found is None and self._text(f"{own}_USERNAME"):
            self._say(
                f"`{own}_USERNAME` is not used: `{own}_PASSWORD` and `{own}_TOKEN` are not set, or empty"
            )
        return found

    def _in_old_spelling(self, registry: str, own: str, old: str) -> Found | None:
        found = self._at(old)
        if found is None:
            return None
        new = found.name.replace(old, own)
        others = [one for one in sorted(set(self._hosts())) if one != registry]
        owners = [one for one in others if prefix_of(one) == old]
        if owners:
            self._say(
                f"`{found.name}` belongs to `{owners[0]}` and is not used for `{registry}`, whose variable is `{new}`"
            )
            return None
        rivals = [one for one in others if old_prefix_of(one) == old]
        if rivals:
            raise ConfigError(
                f"`{found.name}` could be meant for `{registry}` and for `{rivals[0]}`",
                hint=f"rename it: `{new}` is read for `{registry}` alone",
            )
        self._say(f"`{found.name}` is an old spelling, which other hosts share: rename it to `{new}`")
        return found

    def _at(self, prefix: str) -> Found | None:
        for ending in _ENDINGS:
            name = f"{prefix}_{ending}"
            if secret := self._text(name):
                return Found(name=name, secret=secret, username=self._text(f"{prefix}_USERNAME"))
        return None

    def _text(self, name: str) -> str:
        """The value of a variable without blanks and line breaks around it, which a file or YAML's blocks leave."""
        return self._env.get(name, "").strip()

    def _say(self, text: str) -> None:
        with self._lock:
            if text in self._said:
                return
            self._said.add(text)
        self._notice(text)
