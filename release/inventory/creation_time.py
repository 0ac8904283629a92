"""When an image was made, by its config. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from release.decoding import decode
from release.limits import IMAGE_CONFIG_BYTES
from release.oci import Descriptor, Manifest
from release.oci.manifest import children

# Milliseconds since the epoch: 2013-01-01, before the first images. Builders that want the same bytes each time write a
# constant in place of the time: the year 1 (Go), 1970 (jib, ko, Bazel, SOURCE_DATE_EPOCH=0), 1980 (buildpacks).
_FIRST_IMAGES = 1_356_998_400_000


class _Config(msgspec.Struct):
    created: str | None = None


def created_in(config: bytes) -> int | None:
    """The creation time in an image's config, in milliseconds since the epoch; None if it has none.

    A time before 2013 is a constant of a reproducible build and counts as none.
    """
    try:
        text = decode(config, _Config).created
        moment = datetime.fromisoformat(text or "")
        # A time without zone is no time of RFC 3339, which the specification asks for.
        created = None if moment.tzinfo is None else round(moment.timestamp() * 1000)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError, OverflowError):
        return None
    return created if created is not None and created >= _FIRST_IMAGES else None


def config_of(manifest: Manifest) -> Descriptor | None:
    """The config of a manifest; None if it has none, as an index, or one that is too large to be read."""
    config = None if manifest.is_index else next(iter(children(manifest)), None)
    return config if config is not None and config.size <= IMAGE_CONFIG_BYTES else None
