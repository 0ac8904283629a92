"""Deletes tags and manifests; reports whether a registry deletes nothing, or only cannot delete a tag alone.

Source: OCI distribution-spec v1.1, "Content Management". A registry may answer 405 to the deletion of a tag or a
digest; distribution 2.8, which deletes digests only, answers 400 for a tag.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from release.errors import DeletionDisabled, Invalid, RegistryError
from release.registry.host import Call, Host

_DONE = frozenset({200, 202, 204})
# Statuses with which registries refuse what they do not implement.
_REFUSED = frozenset({400, 405, 501})


def delete_tag(host: Host, call: Call, digest_call: Callable[[str], Call]) -> None:
    """Send `call`, which deletes one tag. `digest_call`: makes the request that deletes a digest.

    Raises `Invalid` if the registry cannot delete a tag alone, `DeletionDisabled` if it deletes nothing at all.
    """
    answer = host.call(call)
    if answer.status in _DONE:
        answer.close()
        return
    error = host.fault(answer, call)
    if answer.status not in _REFUSED:
        raise error
    if answer.status != 400 and _deletes_nothing(host, digest_call):
        raise _disabled(host, error)
    raise Invalid(
        f"`{host.registry}` cannot delete a tag alone ({_said(error)})",
        hint="deleting the digest removes every tag on it",
        status=error.status,
        code=error.code,
    )


def delete_manifest(host: Host, call: Call) -> None:
    """Send `call`, which deletes a manifest by digest. Raises `DeletionDisabled` if the registry deletes nothing."""
    answer = host.call(call)
    if answer.status in _DONE:
        answer.close()
        return
    error = host.fault(answer, call)
    raise _disabled(host, error) if answer.status in (405, 501) else error


def _deletes_nothing(host: Host, digest_call: Callable[[str], Call]) -> bool:
    """Whether the registry refuses to delete a digest, too. Asked with a random digest, which no manifest has."""
    answer = host.call(digest_call(f"sha256:{secrets.token_hex(32)}"))
    answer.close()
    return answer.status in (405, 501)


def _disabled(host: Host, error: RegistryError) -> DeletionDisabled:
    return DeletionDisabled(
        f"`{host.registry}` deletes nothing ({_said(error)})",
        hint="deletion is switched off there: whoever runs the registry can switch it on, or delete it",
        status=error.status,
        code=error.code,
    )


def _said(error: RegistryError) -> str:
    return f"{error.status} {error.code}" if error.code else f"{error.status}"
