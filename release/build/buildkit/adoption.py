"""Moves the image that BuildKit wrote to a layout folder into the content store, and checks every digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.build.extras.build_secrets import Secrecy
from release.build.extras.history import without_values
from release.control import Cancel
from release.errors import BuildError
from release.layout.adopt import put_bytes
from release.layout.layout import Layout
from release.oci import Descriptor, Manifest
from release.oci.graph import blobs_of, read_manifests
from release.oci.image_config import read_config
from release.oci.image_json import Platform, digest, parse_platform
from release.oci.manifest import children, describe, encode_manifest, platform_of

# Bytes of the image config, which is read into memory. Usual configs have some KiB; the limit is that of manifests.
_LARGEST_CONFIG = 8 << 20


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The image in the store. `images`: by platform; attestations, which are for no platform, are left out.

    `is_telling`: the history still contains values of build arguments, because attestations name the config's digest.
    `pushed_to`: the repository that has the image, if it is not in the store.
    """

    top: Manifest
    images: tuple[tuple[Platform, Manifest], ...]
    is_telling: bool = False
    pushed_to: str | None = None


def adopt(folder: str, store: Layout, secrecy: Secrecy, cancel: Cancel) -> Adopted:
    """Move the one image in the layout `folder` to `store`. Raises `BuildError`, `RegistryError`."""
    source = Layout(folder)
    tops = {entry.digest for entry in source.entries().descriptors()}
    if len(tops) != 1:
        raise BuildError(
            f"BuildKit left {len(tops)} images where one was expected",
            hint="see the lines above, and the log of the BuildKit daemon",
        )
    manifests = read_manifests(source, tops.pop(), cancel=cancel)
    top = manifests[-1]
    images = [one for one in manifests if not one.is_index and read_platform(source, one) is not None]
    clean = {one.digest: _clean(source, one, secrecy) for one in images}
    telling = {old for old, new in clean.items() if new is not None}
    # An attestation names the digests of its subject: then the history stays as it is.
    is_kept = top.is_index and any(platform_of(child) is None for child in children(top))
    dropped = set() if is_kept else {children(one)[0].digest for one in images if one.digest in telling}
    for blob in blobs_of(manifests):
        cancel.check()
        if blob.digest not in dropped:
            store.move_blob(blob, source)
    if is_kept or not telling:
        written = list(manifests)
    else:
        written = [_written(store, one, clean[one.digest]) for one in images]
        written += [_with_children(top, dict(zip(clean, written, strict=True)))] if top.is_index else []
    for manifest in written:
        store.put_manifest(manifest)
    found = ((read_platform(store, one), one) for one in written if not one.is_index)
    return Adopted(
        top=written[-1],
        images=tuple((platform, one) for platform, one in found if platform is not None),
        is_telling=is_kept and bool(telling),
    )


def read_platform(layout: Layout, manifest: Manifest) -> Platform | None:
    """The platform in the image's config; None for an attestation."""
    return platform_in(read_config(layout, manifest))


def platform_in(config: Mapping[str, Any]) -> Platform | None:
    """The platform that an image config names; None for the config of an attestation."""
    parts = [str(config.get(name) or "") for name in ("os", "architecture", "variant")]
    if not all(parts[:2]) or "unknown" in parts[:2]:
        return None
    return parse_platform("/".join(part for part in parts if part))


def _clean(source: Layout, manifest: Manifest, secrecy: Secrecy) -> bytes | None:
    """The image config with values removed from its history; None if its history contains no value."""
    with source.open_blob(children(manifest)[0]) as stream:
        raw = stream.read(_LARGEST_CONFIG)
    clean = without_values(raw, secrecy.args, secrecy.hide)
    return clean if clean != raw else None


def _written(store: Layout, manifest: Manifest, config: bytes | None) -> Manifest:
    """Write `config` to the store, and return the manifest that names it; None: return the manifest unchanged."""
    if config is None:
        return manifest
    described = msgspec.structs.replace(children(manifest)[0], digest=digest(config), size=len(config))
    put_bytes(store, described, config)
    document = msgspec.json.decode(manifest.raw)
    document["config"] = described
    return encode_manifest(document, manifest.media_type)


def _with_children(index: Manifest, clean: dict[str, Manifest]) -> Manifest:
    document = msgspec.json.decode(index.raw)
    for entry in document["manifests"]:
        new: Descriptor | None = describe(clean[entry["digest"]]) if entry["digest"] in clean else None
        if new is not None:
            entry |= {"digest": new.digest, "size": new.size}
    return encode_manifest(document, index.media_type)
