"""Images that another tool or another runner built (`run --from`), joined into the one that is released. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from release.errors import BuildError
from release.oci import OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import children, describe, encode_manifest, platform_of
from release.plan.ownership import accepts_platform, normal_platform
from release.tagging.model import Held

FROM = "from"  # how plans name the places of `--from` among the places of an image

#: Annotation of an attestation in an index: the digest of the manifest that it is about. Source: BuildKit,
#: "Image attestation storage".
_SUBJECT = "vnd.docker.reference.digest"


class Supplied(msgspec.Struct, frozen=True, kw_only=True):
    """The image at one place. `place`: as it was given; `top`: its manifest or index.

    `platform`: of the config, where `top` is a manifest; an index names its platforms itself.
    """

    place: str
    top: Manifest
    platform: dict[str, str] | None = None


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """The image that `--from` gives a release.

    `said`: the image's labels, equal on all platforms. `as_commit`: they need not name the commit.
    """

    digest: str
    places: tuple[str, ...]
    said: Held
    as_commit: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's image in an index. `attestations`: the manifests that are about it."""

    place: str
    platform: str
    image: Descriptor
    attestations: tuple[Descriptor, ...] = ()


def join(supplied: Sequence[Supplied], platforms: Sequence[str]) -> Manifest:
    """The manifest or index to release: that of the only place, unchanged, else a new index over all of them.

    `platforms`: those that the image must have, in the order of the new index; any where empty. Raises `BuildError` for
    a platform that is missing, that two places have, or that was not asked for.
    """
    entries = [entry for one in supplied for entry in _entries(one)]
    _require_platforms(supplied, entries, platforms)
    if len(supplied) == 1:
        return supplied[0].top
    ordered = sorted(entries, key=lambda entry: _position(entry.platform, platforms))
    listed = [each for entry in ordered for each in (entry.image, *entry.attestations)]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return encode_manifest(document, OCI_INDEX)


def _entries(one: Supplied) -> Iterator[Entry]:
    """The images at one place, in its order."""
    if not one.top.is_index:
        platform = platform_of(Descriptor(media_type="", digest="", size=0, platform=one.platform))
        if platform is None:
            raise BuildError(
                f"the image at `{one.place}` names no platform in its config",
                hint="an artifact cannot be released as an image; check what was built there",
            )
        described = msgspec.structs.replace(describe(one.top), platform=one.platform)
        yield Entry(place=one.place, platform=platform, image=described)
        return
    listed = children(one.top)
    for child in listed:
        platform = platform_of(child)
        if platform is not None:
            about = tuple(each for each in listed if (each.annotations or {}).get(_SUBJECT) == child.digest)
            yield Entry(place=one.place, platform=platform, image=child, attestations=about)


def _require_platforms(
    supplied: Sequence[Supplied], entries: Sequence[Entry], platforms: Sequence[str]
) -> None:
    places: dict[str, str] = {}
    for entry in entries:
        name = normal_platform(entry.platform)
        if name in places:
            raise BuildError(
                f"`{places[name]}` and `{entry.place}` both have an image for `{entry.platform}`",
                hint="name each platform's image once",
            )
        places[name] = entry.place
    shown = ", ".join(f"`{one.place}`" for one in supplied)
    if not entries:
        raise BuildError(f"{shown} has no image for any platform", hint="check what was built there")
    missing = [name for name in platforms if not any(accepts_platform(name, has) for has in places)]
    if missing:
        raise BuildError(
            f"{shown} has no image for {', '.join(f'`{name}`' for name in missing)}, which `build: platforms` names",
            hint="add the place of that platform's image: `--from` may be given several times",
        )
    extra = [
        has for has in places if platforms and not any(accepts_platform(name, has) for name in platforms)
    ]
    if extra:
        raise BuildError(
            f"`{places[extra[0]]}` has an image for `{extra[0]}`, which `build: platforms` does not name",
            hint=f"add `{extra[0]}` to `platforms`, or leave that image out",
        )


def _position(platform: str, wanted: Sequence[str]) -> int:
    return next((at for at, name in enumerate(wanted) if accepts_platform(name, platform)), len(wanted))
