"""The images that an archive of `docker save` holds, by its `manifest.json`, and the choice of one of them. Pure."""

from __future__ import annotations

import contextlib

import msgspec

from release.decoding import decode
from release.errors import ConfigError, Invalid, NotFound
from release.hints import ODD_IMAGE
from release.oci.reference import Reference


class SavedImage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An image of the archive. `config`, `layers`: the names of its members, layers base first."""

    config: str
    layers: tuple[str, ...] | None = None
    repo_tags: tuple[str, ...] | None = None

    @property
    def names(self) -> list[Reference]:
        """The image's references; text that is not a reference is ignored."""
        found = []
        for text in self.repo_tags or ():
            with contextlib.suppress(ConfigError):
                found.append(Reference.parse(text))
        return found


class WantedImage(msgspec.Struct, frozen=True, kw_only=True):
    """Which image of an archive is wanted. `text`: a `name` or a `number` from 0, as written; "" for the only image."""

    text: str = ""
    name: Reference | None = None
    number: int | None = None


def wanted_image(text: str | None) -> WantedImage:
    """What `text` asks for, a reference or `@0`; the only image for None. Raises `ConfigError`."""
    if text is None:
        return WantedImage()
    if text.startswith("@"):
        return WantedImage(text=text, number=int(text[1:]))
    return WantedImage(text=text, name=Reference.parse(text))


def images_in(raw: bytes, archive: str) -> tuple[SavedImage, ...]:
    """The images in a `manifest.json`. `archive`: for the message. Raises `Invalid`."""
    try:
        return tuple(decode(raw, tuple[SavedImage, ...] | None) or ())  # type: ignore[arg-type]  # a union
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(
            f"`manifest.json` in `{archive}` is not what `docker save` writes: {error}", hint=ODD_IMAGE
        ) from error


def chosen(images: tuple[SavedImage, ...], wanted: WantedImage, archive: str) -> tuple[SavedImage, ...]:
    """The images that `wanted` names, of which the first counts: one, or several of the same name.

    `archive`: the file's name in messages. Raises `NotFound` for none, `ConfigError` for several without a name.
    """
    found = images
    if wanted.number is not None:
        found = images[wanted.number : wanted.number + 1]
    if wanted.name is not None:
        name = str(wanted.name)
        wished = {name, f"{name}:latest"} if wanted.name.tag is None else {name}
        found = tuple(one for one in images if wished & {str(own) for own in one.names})
    if len(found) == 1 or (wanted.name is not None and found):
        return found
    count = len(images)
    if not count:
        raise NotFound(f"`{archive}` holds no image", hint="save the image again")
    names = [name for one in images for name in one.repo_tags or ()]
    shown = ", ".join(f"`{name}`" for name in names[:10]) or "none with a name"
    hint = f"write `{archive}:REFERENCE`, or `{archive}:@N`, N from 0 to {count - 1}; images in the archive: {shown}"
    if wanted.text:
        raise NotFound(f"`{archive}` holds no image called `{wanted.text}`", hint=hint)
    raise ConfigError(f"`{archive}` holds {count} images", hint=hint)
