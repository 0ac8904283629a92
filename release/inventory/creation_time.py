"""When an image was made, by its config. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from release.decoding import decode
from release.oci import Descriptor, Manifest
from release.oci.manifest import children


class _Config(msgspec.Struct):
    created: str | None = None


def created_in(config: bytes) -> int | None:
    """The creation time in an image's config, in milliseconds since the epoch; None if it has none."""
    try:
        text = decode(config, _Config).created
        moment = datetime.fromisoformat(text or "")
        # A time without zone is no time of RFC 3339, which the specification asks for.
        return None if moment.tzinfo is None else round(moment.timestamp() * 1000)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError, OverflowError):
        return None


def config_of(manifest: Manifest) -> Descriptor | None:
    """The config of a manifest; None if it has none, as an index."""
    return None if manifest.is_index else next(iter(children(manifest)), None)
