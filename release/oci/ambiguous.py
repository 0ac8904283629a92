"""Refuses documents that programs read differently: members that stand twice, or under a name in other letters.

Of a member that stands twice, readers take the first or the last. Go, in which most registries and runtimes are
written, also takes `Layers` for `layers`. So such a document could hold one image for us and another one for the
machine that runs it (as in CVE-2021-41190).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from release.errors import Invalid

_HINT = "whoever made the image has to write it anew: no usual tool writes this"
# The members that programs look for. Source: OCI image-spec v1.1, manifest, index and descriptor.
_MANIFEST = "schemaVersion mediaType artifactType config layers manifests subject annotations blobs fsLayers"
_DESCRIPTOR = "mediaType digest size urls annotations data platform artifactType"
# Folded name -> name, for each kind of object.
_FOLDED = {kind: {name.casefold(): name for name in kind.split()} for kind in (_MANIFEST, _DESCRIPTOR)}


def require_plain_manifest(raw: bytes, document: dict[str, Any], source: str) -> None:
    """Raise `Invalid` for a manifest or index that programs may read differently. `document`: what `raw` holds."""
    _require_once(raw, source)
    _require_names(document, _MANIFEST, source)
    for descriptor in _descriptors(document):
        _require_names(descriptor, _DESCRIPTOR, source)


def require_plain_config(raw: bytes, document: dict[str, Any], source: str) -> None:
    """As `require_plain_manifest`, for the config of an image.

    One member in other letters is not refused: builders take such names from their users (`labels`), and Go reads them.
    """
    _require_once(raw, source)
    container = document.get("config")
    for members in (document, container if isinstance(container, dict) else {}):
        _require_different((name.casefold() for name in members), source)


def _require_once(raw: bytes, source: str) -> None:
    def members(pairs: list[tuple[str, Any]]) -> None:
        _require_different((name for name, _ in pairs), source)

    # Numbers are not converted: Python does not read those of more than 4,300 digits.
    try:
        json.loads(raw, object_pairs_hook=members, parse_int=len, parse_float=len)
    except RecursionError as error:
        raise Invalid(f"{source} is nested too deep", hint=_HINT) from error


def _require_different(names: Iterable[str], source: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(f"{source} holds `{_short(name)}` twice: programs read different ones", hint=_HINT)
        seen.add(name)


def _require_names(members: dict[str, Any], kind: str, source: str) -> None:
    folded = _FOLDED[kind]
    for name in members:
        meant = folded.get(name.casefold(), name)
        if meant != name:
            raise Invalid(
                f"{source} holds `{_short(name)}`, which some programs read as `{meant}`", hint=_HINT
            )


def _descriptors(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("config", "subject", "layers", "manifests"):
        value = document.get(name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield one


def _short(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name[:40])
