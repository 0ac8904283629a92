"""Deletes by the specification, and a tag that the registry cannot delete so through the vendor's API."""

from __future__ import annotations

from typing import Protocol

from release.errors import DeletionDisabled, Denied, Invalid, NotFound, RegistryError
from release.oci.deletion import Abilities, Facts
from release.registry.deletion.specification import BySpecification


class TagApi(Protocol):
    """A vendor's API that deletes tags."""

    @property
    def name(self) -> str:
        """The API's name in messages."""

    def facts(self) -> Facts | None:
        """As `Deletion.facts`."""

    def delete_tag(self, tag: str) -> None:
        """Delete a tag and never its manifest."""


class TagsThroughApi:
    """A registry that follows the specification, with an API for tags."""

    def __init__(self, specification: BySpecification, api: TagApi) -> None:
        self._specification = specification
        self._api = api
        self.name = api.name

    def abilities(self) -> Abilities:
        """Manifests, as far as is known before an attempt; most of these registries delete tags, too."""
        return Abilities()

    def facts(self) -> Facts | None:
        """What the API tells; None if this registry has no such API, or none for this credential."""
        try:
            return self._api.facts()
        except (NotFound, Denied):
            return None

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """None: neither way answers that for a digest."""
        del digest
        return None

    def delete_tag(self, tag: str) -> None:
        """Delete a tag by the specification, else through the API. Raises `Invalid` naming both refusals."""
        try:
            return self._specification.delete_tag(tag)
        except DeletionDisabled:
            raise
        except Invalid as error:
            refusal = error
        try:
            self._api.delete_tag(tag)
        except RegistryError as error:
            raise Invalid(
                f"{refusal.message}, and {self._api.name} does not either: {error.message}",
                hint=error.hint or refusal.hint,
                status=error.status,
                code=error.code,
            ) from error

    def require_tag(self, tag: str) -> None:
        """Raise `DeletionDisabled` as `delete_tag` would; only an attempt tells what the API refuses."""
        try:
            self._specification.require_tag(tag)
        except DeletionDisabled:
            raise
        except Invalid:
            return  # the API may delete it

    def require_manifest(self) -> None:
        """As `BySpecification.require_manifest`."""
        self._specification.require_manifest()

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest by the specification."""
        self._specification.delete_manifest(digest)
