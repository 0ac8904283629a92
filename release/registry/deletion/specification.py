"""Deletes tags and manifests by the distribution specification, which every registry follows that has no other way.

Source: OCI distribution-spec v1.1, "Content Management". A registry may answer 405 to the deletion of a tag or a
digest; distribution 2.8, which deletes digests only, answers 400 for a tag. Some answer 405 for one manifest that they
keep: zot for an image that an index lists, Azure for a locked one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from release.errors import DeletionDisabled, Invalid, RegistryError
from release.oci.deletion import Abilities, Facts
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host

#: Statuses of a deletion that was done.
DONE = frozenset({200, 202, 204})
# Statuses with which registries refuse what they do not implement.
_REFUSED = frozenset({400, 405, 501})
# Those of a registry that deletes nothing at all.
_NOTHING = frozenset({405, 501})


class BySpecification:
    """Deletes by the requests of the specification. `call`: makes the deletion of a tag or digest."""

    name = "the distribution API"

    def __init__(self, host: Host, call: Callable[[str], Call]) -> None:
        self._host = host
        self._call = call

    def abilities(self) -> Abilities:
        """Manifests, as far as is known before an attempt."""
        return Abilities()

    def facts(self) -> Facts | None:
        """None: the specification has no times."""
        return None

    def tags_on(self, digest: str) -> frozenset[str] | None:
        """None: the specification has no such question."""
        del digest
        return None

    def delete_tag(self, tag: str) -> None:
        """Delete one tag.

        Raises `Invalid` if the registry cannot delete a tag alone, `DeletionDisabled` if it deletes nothing at all.
        """
        self._require_tag(_refusal(self._host, self._call(tag)))

    def require_tag(self, tag: str) -> None:
        """Ask to delete a tag of a random name, which no manifest has. Raises as `delete_tag` does."""
        del tag
        error = _refusal(self._host, self._call(f"shipmark-{secrets.token_hex(16)}"))
        if error is not None and error.status != 404:
            self._require_tag(error)

    def require_manifest(self) -> None:
        """Ask to delete a random digest. Raises as `require_deletion`."""
        require_deletion(self._host, self._call)

    def _require_tag(self, error: RegistryError | None) -> None:
        """Raise the error of a registry that refused to delete a tag; None: it did not."""
        if error is None:
            return
        if error.status not in _REFUSED:
            raise error
        if error.status != 400 and self._deletes_nothing():
            raise _disabled(self._host, error)
        raise _only_digests(self._host, error)

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest by digest. Raises `DeletionDisabled` if the registry deletes nothing."""
        error = _refusal(self._host, self._call(digest))
        if error is None:
            return
        if error.status in _NOTHING and self._deletes_nothing():
            raise _disabled(self._host, error)
        if error.status == 405:
            raise kept_back(error)
        raise error

    def _deletes_nothing(self) -> bool:
        """Whether the registry refuses to delete a digest, too. Asked with a random digest, which no manifest has."""
        answer = self._host.call(self._call(_random_digest()))
        answer.close()
        return answer.status in _NOTHING


def require_deletion(host: Host, digest_call: Callable[[str], Call]) -> None:
    """Ask to delete a random digest, which no manifest has. `digest_call`: makes the deletion of a digest.

    Raises `Denied` if the credential may not delete, `DeletionDisabled` if the registry deletes nothing.
    """
    error = _refusal(host, digest_call(_random_digest()))
    if error is not None and error.status != 404:
        raise _disabled(host, error) if error.status in _NOTHING else error


def _only_digests(host: Host, error: RegistryError) -> Invalid:
    """The error of a registry that cannot delete a tag alone, with what it said."""
    return Invalid(
        f"`{host.registry}` cannot delete a tag alone ({_said(error)})",
        hint="deleting the digest removes every tag on it",
        status=error.status,
        code=error.code,
    )


def kept_back(error: RegistryError) -> Invalid:
    """The error of a registry that deletes manifests, and refuses to delete this one."""
    return Invalid(
        error.message,
        hint="the registry keeps this image: an index may list it, or a rule or lock of the registry protect it",
        status=error.status,
        code=error.code,
    )


def _refusal(host: Host, call: Call) -> RegistryError | None:
    """Send a deletion; returns the error of the answer, None if it was done."""
    answer = host.call(call)
    if answer.status not in DONE:
        return host.fault(answer, call)
    answer.close()
    return None


def _random_digest() -> str:
    return f"sha256:{secrets.token_hex(32)}"


def _disabled(host: Host, error: RegistryError) -> DeletionDisabled:
    return DeletionDisabled(
        f"`{host.registry}` deletes nothing ({_said(error)})",
        hint="deletion is switched off there: whoever runs the registry can switch it on, or delete it",
        status=error.status,
        code=error.code,
    )


def _said(error: RegistryError) -> str:
    return f"{error.status} {error.code}" if error.code else f"{error.status}"
