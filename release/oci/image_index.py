"""Makes the index of an image for several platforms, and reads which platforms an index has. Pure.

No other module makes an index, so that the same images give the same bytes, whether one run built them or several did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.oci import OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import children, describe, encode_manifest, platform_of, platform_text

#: Annotation of an attestation in an index: the digest of the manifest that it is about. Source: BuildKit,
#: "Image attestation storage".
_SUBJECT = "vnd.docker.reference.digest"
_PLATFORM_FIELDS = ("architecture", "os", "os.version", "variant")


class PlatformEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's image in an index. `platform`: `linux/arm64`; `attestations`: the manifests that are about it."""

    platform: str
    image: Descriptor
    attestations: tuple[Descriptor, ...] = ()


def image_index(entries: Sequence[PlatformEntry], annotations: Mapping[str, str]) -> Manifest:
    """The index of `entries`, in their order; each image's attestations follow it."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [each for entry in entries for each in (entry.image, *entry.attestations)],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    return encode_manifest(document, OCI_INDEX)


def entry_of(manifest: Manifest, config: Mapping[str, Any]) -> PlatformEntry | None:
    """The index entry of one platform's manifest; None if its config names no platform, as that of an artifact."""
    fields = {name: text for name in _PLATFORM_FIELDS if isinstance(text := config.get(name), str) and text}
    if fields.get("architecture") == "arm64" and fields.get("variant") == "v8":
        del fields["variant"]  # the default, which Docker's builders and containerd leave out
    platform = platform_text(fields)
    if not platform:
        return None
    return PlatformEntry(
        platform=platform, image=msgspec.structs.replace(describe(manifest), platform=fields)
    )


def entries_of(index: Manifest, named: Sequence[Descriptor] = ()) -> tuple[PlatformEntry, ...]:
    """The images in an index, in its order. A manifest without a platform, such as an attestation, is left out.

    `named`: the entries of the index, if their platforms were read from their configs.
    """
    listed = named or children(index)
    return tuple(
        PlatformEntry(
            platform=platform,
            image=child,
            attestations=tuple(
                each for each in listed if (each.annotations or {}).get(_SUBJECT) == child.digest
            ),
        )
        for child in listed
        if (platform := platform_of(child)) is not None
    )


def beside_images(listed: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
    """The entries of an index that are neither an image nor about one of its images, in their order."""
    images = {child.digest for child in listed if platform_of(child) is not None}
    return tuple(
        child
        for child in listed
        if child.digest not in images and (child.annotations or {}).get(_SUBJECT) not in images
    )
