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
from release.registry.host import Call, Host

#: Statuses of a deletion that was done.
DONE = frozenset({200, 202, 204})
# Statuses with which registries refuse what they do not implement.
_REFUSED = frozenset({400, 405, 501})


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
        call = self._call(tag)
        answer = self._host.call(call)
        if answer.status in DONE:
            answer.close()
            return
        error = self._host.fault(answer, call)
        if answer.status not in _REFUSED:
            raise error
        if answer.status != 400 and _deletes_nothing(self._host, self._call):
            raise _disabled(self._host, error)
        raise only_digests(self._host, error)

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest by digest. Raises `DeletionDisabled` if the registry deletes nothing."""
        call = self._call(digest)
        answer = self._host.call(call)
        if answer.status in DONE:
            answer.close()
            return
        error = self._host.fault(answer, call)
        if answer.status in (405, 501) and _deletes_nothing(self._host, self._call):
            raise _disabled(self._host, error)
        if answer.status == 405:
            raise kept_back(error)
        raise error


def require_deletion(host: Host, call: Call) -> None:
    """Send a deletion of a digest that no manifest has.

    Raises `Denied` if the credential may not delete, `DeletionDisabled` if the registry deletes nothing.
    """
    answer = host.call(call)
    if answer.status in DONE or answer.status == 404:
        answer.close()
        return
    error = host.fault(answer, call)
    raise _disabled(host, error) if answer.status in (405, 501) else error


def only_digests(host: Host, error: RegistryError) -> Invalid:
    """The error of a registry that cannot delete a tag alone, with what it said."""
    return Invalid(
        f"`{host.registry}` cannot delete a tag alone ({said(error)})",
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


def _deletes_nothing(host: Host, digest_call: Callable[[str], Call]) -> bool:
    """Whether the registry refuses to delete a digest, too. Asked with a random digest, which no manifest has."""
    answer = host.call(digest_call(f"sha256:{secrets.token_hex(32)}"))
    answer.close()
    return answer.status in (405, 501)


def _disabled(host: Host, error: RegistryError) -> DeletionDisabled:
    return DeletionDisabled(
        f"`{host.registry}` deletes nothing ({said(error)})",
        hint="deletion is switched off there: whoever runs the registry can switch it on, or delete it",
        status=error.status,
        code=error.code,
    )


def said(error: RegistryError) -> str:
    """The status and the code of an error."""
    return f"{error.status} {error.code}" if error.code else f"{error.status}"
