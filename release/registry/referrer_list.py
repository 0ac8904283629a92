"""Lists the manifests that have a digest as their subject. Source: OCI distribution-spec v1.1, "Listing Referrers"."""

from __future__ import annotations

from release.errors import RegistryError
from release.oci import OCI_INDEX, Descriptor
from release.oci.manifest import LARGEST_PULLED, children, read_manifest
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.pagination import read_pages

# Statuses with which registries answer requests that they do not implement.
_NO_SUCH_QUESTION = frozenset({400, 404, 405, 406, 501})


def list_referrers(host: Host, call: Call) -> tuple[Descriptor, ...] | None:
    """The descriptors on all pages, the first of which `call` asks for; None where the registry lacks that API."""
    found: list[Descriptor] = []
    try:
        for answer, raw in read_pages(host, call, most=LARGEST_PULLED, name="list of referrers"):
            media_type = answer.headers.get("Content-Type") or ""
            if not media_type.lower().startswith(OCI_INDEX):
                return None  # not an index: for example the HTML page of a proxy in front of the registry
            found += children(read_manifest(raw, media_type, expected=None, source=call.what))
    except RegistryError as error:
        if not found and error.status in _NO_SUCH_QUESTION:
            return None
        raise
    return tuple(found)
