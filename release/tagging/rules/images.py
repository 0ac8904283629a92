"""Parses the inputs `images` and `flavor` of docker/metadata-action."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.config.document import Position
from release.errors import ConfigError
from release.oci.reference import parse_repository
from release.tagging.expressions.source_text import Located
from release.tagging.rules.listing import parse_fields, parse_items
from release.tagging.rules.model import Flavor, Image

_TRUTH = {"true": True, "false": False}
_NAME = "write `name=ghcr.io/acme/app`, or `ghcr.io/acme/app` alone"


def parse_images(items: Sequence[Located]) -> tuple[tuple[Image, ...], tuple[str, ...]]:
    """The images of `items`, and warnings. Raises `ConfigError` with line and column.

    One item without any `=` may name several images, separated by commas.
    """
    if len(items) == 1 and "=" not in items[0].text:
        return tuple(_named(field.strip()) for field in parse_fields(items[0])), ()
    warnings: list[str] = []
    return tuple(_image(item, warnings) for item in items), tuple(warnings)


def _named(name: Located, *, enable: bool = True) -> Image:
    if not name.text:
        raise name.error(0, "the name of an image is empty", hint=_NAME)
    return Image(name=name.text, enable=enable, place=name.place(0))


def _image(item: Located, warnings: list[str]) -> Image:
    bare: Located | None = None
    named: Located | None = None
    enable = True
    for field in parse_fields(item):
        key, value = _split(field, warnings)
        if value is None:
            bare = _last(bare, key, warnings)
        elif key.text.lower() == "name":
            named = _last(named, value, warnings)
        elif key.text.lower() == "enable":
            if value.text not in _TRUTH:
                raise value.error(
                    0,
                    f"`enable={value.text}` of an image must be `true` or `false`",
                    hint="`enable=false` leaves the image out; expressions are not read here",
                )
            enable = _TRUTH[value.text]
        else:
            raise key.error(
                0, f"unknown attribute `{key.text}` of an image", hint="known are `name`, `enable`"
            )
    if bare is not None and named is not None:
        raise named.error(
            0, f"two names for one image, `{bare.text}` and `{named.text}`", hint="write one image per line"
        )
    name = named or bare
    if name is None:
        raise item.error(0, "an image without a name", hint=_NAME)
    return _named(name, enable=enable)


def _last(earlier: Located | None, name: Located, warnings: list[str]) -> Located:
    if earlier is not None:
        warnings.append(
            f"{earlier.place(0)}: image `{earlier.text}` is lost, `{name.text}` follows on the same line"
        )
    return name


def repositories(images: Sequence[Image]) -> tuple[str, ...]:
    """The repositories of the enabled images, in lower case, each once.

    Raises `ConfigError` with line and column for a name that no registry accepts, such as one that holds a tag.
    """
    names = []
    for image in images:
        if not image.enable:
            continue
        name = image.name.lower()
        try:
            parse_repository(name)
        except ConfigError as error:
            raise ConfigError(f"{image.place}: {error.message}", hint=error.hint) from error
        names.append(name)
    return tuple(dict.fromkeys(names))


def parse_flavor(items: Sequence[Located]) -> tuple[Flavor, tuple[str, ...]]:
    """The flavor from all `items`, where later ones override earlier ones, and warnings. Raises `ConfigError`."""
    flavor = Flavor()
    warnings: list[str] = []
    for item in items:
        flavor = _flavored(flavor, item, warnings)
    return flavor, tuple(warnings)


def flavor_from_config(
    value: str | Sequence[str], *, place: Position | None = None
) -> tuple[Flavor, tuple[str, ...]]:
    """The flavor of a config's `flavor:`, a block of lines or a list of them, and warnings. `place`: the block's."""
    if isinstance(value, str):
        at = place or Position(source="flavor", line=1, column=1)
        items = parse_items(value, source=at.source, line=at.line, column=at.column, indent=at.column - 1)
        return parse_flavor(items)
    named = ((text, f"flavor[{number}]") for number, text in enumerate(value))
    return parse_flavor([item for text, name in named for item in parse_items(text, source=name)])


def _flavored(flavor: Flavor, item: Located, warnings: list[str]) -> Flavor:
    affix: str | None = None
    for field in parse_fields(item):
        key, value = _split(field, warnings)
        if value is None:
            raise key.error(
                0, f"`{key.text}` has no value", hint="write `latest=…`, `prefix=…` or `suffix=…`"
            )
        match key.text.lower():
            case "latest":
                if value.text not in ("auto", "true", "false"):
                    raise value.error(
                        0,
                        f"`latest={value.text}` must be `auto`, `true` or `false`",
                        hint="`auto`: rules with a version make `latest`; `true`: each run does; `false`: none does",
                    )
                flavor = msgspec.structs.replace(flavor, latest=value.text)
            case "prefix" | "suffix" as affix:
                flavor = msgspec.structs.replace(flavor, **{affix: value})
            case "onlatest":
                if value.text not in _TRUTH:
                    raise value.error(
                        0,
                        f"`onlatest={value.text}` must be `true` or `false`",
                        hint="`true`: the prefix or suffix before it counts for `latest`, too",
                    )
                if affix is not None:
                    flavor = msgspec.structs.replace(flavor, **{f"{affix}_on_latest": _TRUTH[value.text]})
            case _:
                raise key.error(
                    0,
                    f"unknown attribute `{key.text}` of the flavor",
                    hint="known are `latest`, `prefix`, `suffix`, `onlatest`",
                )
    return flavor


def _split(field: Located, warnings: list[str]) -> tuple[Located, Located | None]:
    """Key and value; a second `=` ends the value, as docker/metadata-action has it."""
    first = field.text.find("=")
    if first < 0:
        return field.strip(), None
    second = field.text.find("=", first + 1)
    if second >= 0:
        warnings.append(
            f"{field.place(second)}: `{field.text[second:]}` is dropped; the value ends at the second `=`"
        )
    end = len(field.text) if second < 0 else second
    return field.cut(0, first).strip(), field.cut(first + 1, end).strip()
