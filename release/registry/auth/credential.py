"""A credential for a registry, and what finds it."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential. `secret`: password (basic), refresh token (identity) or token (bearer).

    `source`: where it was found, for messages. `key`: the key in a file under which it was found.
    """

    kind: Literal["anonymous", "basic", "identity", "bearer"]
    username: str = ""
    secret: str = ""
    source: str = "none: anonymous"
    key: str = ""

    def __repr__(self) -> str:
        return f"Credential(kind={self.kind!r}, source={self.source!r})"

    __str__ = __repr__


ANONYMOUS = Credential(kind="anonymous")
UNTRUSTED = Credential(
    kind="anonymous", source="none: this run is not trusted, so registries are asked anonymously"
)


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a credential was looked for. `found`: what was there; no secret."""

    place: str
    found: str


class Finder(Protocol):
    """Finds the credential for a repository."""

    def find(self, registry: str, repository: str) -> Credential:
        """The credential for a repository; `ANONYMOUS` if there is none."""

    def tried(self, registry: str, repository: str) -> tuple[Tried, ...]:
        """The places in which `find` looks, in its order, up to the one that has the credential."""

    def advice(self, registry: str) -> str:
        """A hint for a registry that requires a credential when there is none."""


class Anonymous:
    """Finds no credential, for runs that are not trusted: reads no variable and no file, starts no helper."""

    def find(self, registry: str, repository: str) -> Credential:
        """Return the anonymous credential of a run that is not trusted."""
        del registry, repository
        return UNTRUSTED

    def tried(self, registry: str, repository: str) -> tuple[Tried, ...]:
        """No place."""
        del registry, repository
        return ()

    def advice(self, registry: str) -> str:
        """Return a hint with the reason why no credential is used."""
        return (
            f"`{registry}` is asked without a credential, because this run is not trusted: see `shipmark ci`"
        )
