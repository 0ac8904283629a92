"""Images that another tool or another runner built (`run --from`), joined into one image to release. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from release.errors import BuildError
from release.oci import Descriptor, Manifest
from release.oci.image_index import PlatformEntry, beside_images, entries_of, entry_of, image_index
from release.oci.manifest import children
from release.oci.platforms import normal
from release.plan.ownership import accepts_platform
from release.tagging.model import Held

FROM = "from"  # how plans name the places of `--from` among the places of an image


class Supplied(msgspec.Struct, frozen=True, kw_only=True):
    """The image at one place. `place`: the place as it was given; `top`: the image's manifest or index.

    `config`: the image config, where `top` is a manifest. `entries`: of an index, with the platforms of their configs
    where the index names none, and with the entries of indexes in it; () for those that it names itself.
    """

    place: str
    top: Manifest
    config: Mapping[str, Any] = {}
    entries: tuple[Descriptor, ...] = ()


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """The image that `--from` gives a release.

    `said`: the image's labels, and which of them differ between the platforms. `as_commit`: the labels need not name
    the commit. `parts`: the image of each platform. `joined`: whether the places are joined into a new index.
    """

    digest: str
    places: tuple[str, ...]
    said: Held
    as_commit: bool = False
    parts: tuple[PlatformEntry, ...] = ()
    joined: bool = False


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest or index to release, and the image of each platform in it, in its order."""

    top: Manifest
    parts: tuple[PlatformEntry, ...]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's image, and the place that has it."""

    place: str
    entry: PlatformEntry


def join(
    supplied: Sequence[Supplied], platforms: Sequence[str], annotations: Mapping[str, str] = {}
) -> Joined:
    """The image to release: that of the only place, unchanged, else a new index over all of them.

    `platforms`: those that the image must have, in the order of the new index; any where empty. `annotations`: of the
    new index. Raises `BuildError` for a platform that is missing, that two places have, or that was not asked for.
    """
    found = [_Found(place=one.place, entry=entry) for one in supplied for entry in _entries(one)]
    _require_platforms(supplied, found, platforms)
    parts = tuple(one.entry for one in found)
    if len(supplied) == 1:
        return Joined(top=supplied[0].top, parts=parts)
    carried = tuple(entry for one in supplied for entry in _with_others(one))
    ordered = _each_once(sorted(carried, key=lambda entry: _position(entry.platform, platforms)))
    return Joined(top=image_index(ordered, annotations), parts=ordered)


def _with_others(one: Supplied) -> tuple[PlatformEntry, ...]:
    """The images at one place; what its index lists beside them, such as foreign attestations, is behind the last.

    It would be lost otherwise: only the new index is released.
    """
    *first, last = _entries(one)
    if one.top.is_index:
        others = beside_images(one.entries or children(one.top))
        last = msgspec.structs.replace(last, attestations=(*last.attestations, *others))
    return (*first, last)


def _each_once(entries: Sequence[PlatformEntry]) -> tuple[PlatformEntry, ...]:
    """The entries, without attestations that an entry before has: two places may list the same artifact."""
    seen: set[str] = set()
    found = []
    for entry in entries:
        new = {each.digest: each for each in entry.attestations if each.digest not in seen}
        seen |= new.keys()
        found.append(msgspec.structs.replace(entry, attestations=tuple(new.values())))
    return tuple(found)


def _entries(one: Supplied) -> Iterator[PlatformEntry]:
    """The images at one place, in its order."""
    if one.top.is_index:
        yield from entries_of(one.top, one.entries)
        return
    entry = entry_of(one.top, one.config)
    if entry is None:
        raise BuildError(
            f"the image at `{one.place}` names no platform in its config",
            hint="an artifact cannot be released as an image; check what was built there",
        )
    yield entry


def _require_platforms(
    supplied: Sequence[Supplied], found: Sequence[_Found], platforms: Sequence[str]
) -> None:
    known: dict[str, _Found] = {}
    for one in found:
        before = known.setdefault(normal(one.entry.platform), one)
        if before is not one:
            raise _doubled(before, one)
    places = {name: one.place for name, one in known.items()}
    shown = ", ".join(f"`{one.place}`" for one in supplied)
    if not found:
        raise BuildError(f"{shown} has no image for any platform", hint="check what was built there")
    missing = [name for name in platforms if not any(accepts_platform(name, has) for has in places)]
    if missing:
        raise BuildError(
            f"{shown} has no image for {', '.join(f'`{name}`' for name in missing)}, which `build: platforms` names",
            hint=_missing_hint(supplied),
        )
    extra = [
        has for has in places if platforms and not any(accepts_platform(name, has) for name in platforms)
    ]
    if extra:
        raise BuildError(
            f"`{places[extra[0]]}` has an image for `{extra[0]}`, which `build: platforms` does not name",
            hint=f"add `{extra[0]}` to `platforms`, or leave that image out",
        )


def _doubled(first: _Found, second: _Found) -> BuildError:
    """The error for two images of one platform. An index for Windows may have one for each version of the system."""
    platform = second.entry.platform
    if first.place != second.place or first.entry.image.digest == second.entry.image.digest:
        return BuildError(
            f"`{first.place}` and `{second.place}` both have an image for `{platform}`",
            hint="name each platform's image once",
        )
    versions = [(one.entry.image.platform or {}).get("os.version") for one in (first, second)]
    shown = " and ".join(f"`{version}`" for version in versions if version)
    return BuildError(
        f"`{first.place}` has two images for `{platform}`"
        + (f", of the `os.version` {shown}" if shown else ""),
        hint=f"a release has one image for a platform: name it by its digest, such as `@{second.entry.image.digest}`",
    )


def _missing_hint(supplied: Sequence[Supplied]) -> str:
    for one in supplied:
        transport, _, path = one.place.partition(":")
        if transport == "docker-archive":
            return (
                f"that names one platform; if the archive has an OCI layout, all are in `oci-archive:{path}`"
            )
    return "add the place of that platform's image: `--from` may be given several times"


def _position(platform: str, wanted: Sequence[str]) -> int:
    return next((at for at, name in enumerate(wanted) if accepts_platform(name, platform)), len(wanted))
