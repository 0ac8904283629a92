"""The Protocol of deletions in a registry: what its API can delete, and what it tells of times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry can delete. `tag`: a tag without its manifest; None: only an attempt tells.

    `manifest`: a manifest, with all of its tags. `parts`: the images of an index along with it, unless they have a tag
    or another index lists them.
    """

    tag: bool | None = None
    manifest: bool = True
    parts: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry's API tells of one repository. Times are milliseconds since the epoch, UTC.

    `moved`: tag -> when it was set; `tells_moved`: whether the API tells that at all. `pushed`, `pulled`: by digest.
    `digests`: every manifest, also those without a tag; () where the API does not list them.
    """

    moved: Mapping[str, int] = {}
    tells_moved: bool = False
    pushed: Mapping[str, int] = {}
    pulled: Mapping[str, int] = {}
    digests: tuple[str, ...] = ()


class Deletion(Protocol):
    """The way in which one repository is deleted from. Thread-safe. Methods raise from the `RegistryError` branch."""

    @property
    def name(self) -> str:
        """The API's name in messages: `the Harbor API`."""

    def abilities(self) -> Abilities:
        """What can be deleted here."""

    def facts(self) -> Facts | None:
        """Everything that the API tells of times, by reading only; None where there is no such API.

        Raises for an API that is there and does not answer, or not completely.
        """

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """The tags on a manifest now, as one answer tells them; None where no answer does."""

    def delete_tag(self, tag: str) -> None:
        """Delete a tag and never its manifest. Raises `Invalid` where the registry cannot do that."""

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest with every tag on it."""


@runtime_checkable
class Foresees(Protocol):
    """A way of deleting that can tell, without deleting anything, whether it would be refused."""

    def require_tag(self, tag: str) -> None:
        """Raise as `delete_tag` would, as far as that is known before."""

    def require_manifest(self) -> None:
        """Raise as `delete_manifest` would for any manifest, as far as that is known before."""


@runtime_checkable
class Deletes(Protocol):
    """A repository that says how it is deleted from."""

    def deletion(self) -> Deletion:
        """The repository's way of deleting."""
