"""Resolves and reads many manifests of one repository at once. What is not answered plainly is left to the caller."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from release.errors import DigestMismatch, Invalid
from release.oci import Descriptor, Manifest
from release.oci.manifest import LARGEST_PULLED
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.manifest_answers import described, manifest_in
from release.registry.many import answers


def resolve_many(
    host: Host, name: str, references: Sequence[str], call: Callable[[str], Call]
) -> dict[str, Descriptor]:
    """The descriptors of tags or digests. `name`: the repository's. `call`: makes a HEAD."""
    found = {}
    for position, reply in answers(host, [call(one) for one in references], most=0):
        # An error is found again, and raised, when the caller resolves this one alone.
        with contextlib.suppress(Invalid, DigestMismatch):
            descriptor = described(reply.headers, name, references[position])
            if descriptor is not None:
                found[references[position]] = descriptor
    return found


def read_many(
    host: Host, name: str, digests: Sequence[str], call: Callable[[str], Call]
) -> dict[str, Manifest]:
    """The manifests of digests, checked. `name`: the repository's. `call`: makes a GET."""
    found = {}
    for position, reply in answers(host, [call(one) for one in digests], most=LARGEST_PULLED):
        with contextlib.suppress(Invalid, DigestMismatch):
            found[digests[position]] = manifest_in(reply.headers, reply.body, name, digests[position])
    return found
