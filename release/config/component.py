"""One component of `shipmark.yml`: its section, its images with their places in the file, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

import msgspec

from release.build_spec import BuildSpec
from release.config.checks import require_component
from release.config.document import Document, Position
from release.config.model import ComponentSection, TargetSection
from release.config.variables import expand_name
from release.ref_names import require_git_tag


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one component; keys that the component does not set have the values of the top level."""

    name: str
    section: ComponentSection
    targets: tuple[TargetSection, ...]
    build: BuildSpec
    image_places: tuple[Position, ...] = ()  # positions of the targets, unless an option names them
    tag_places: tuple[Position, ...] = ()  # positions of the entries of `tags`, or of its text
    flavor_place: Position | None = None
    other_prefixes: tuple[str, ...] = ()  # the prefixes of the other components' git tags


def component_of(
    name: str,
    section: ComponentSection,
    env: Mapping[str, str],
    images: tuple[str, ...],
    document: Document,
) -> Component:
    """The component `name`. `images`: of the option `--image`, in place of those of the file.

    Raises `ConfigError` for values that do not fit together, with their place.
    """
    given: tuple[str | TargetSection, ...] = images or section.images
    if not given and section.image is not None:
        given = (section.image,)
    own = f"$.components.{name}"
    if section.prefix:
        where = document.at(f"{own}.prefix" if f"{own}.prefix" in document.positions else "$.prefix")
        require_git_tag(f"{where}: prefix", f"{section.prefix}1.0.0")
    require_component(name, section, document)
    key = "--image" if images else _key_of_images(document, own, section)
    places = () if images else _image_places(document, own, section)
    named = [TargetSection(image=one) if isinstance(one, str) else one for one in given]
    targets = tuple(
        msgspec.structs.replace(
            one, image=expand_name(one.image, env, key=key, where=f"{place}: " if place else "")
        )
        for one, place in zip_longest(named, places[: len(named)])
    )
    return Component(
        name=name,
        section=section,
        targets=targets,
        image_places=places,
        build=section.build or BuildSpec(),
        tag_places=_places(document, own, "tags", section.tags),
        flavor_place=next(iter(_places(document, own, "flavor", "")), None),
    )


def _key_of_images(document: Document, own: str, section: ComponentSection) -> str:
    """The key of the images for messages: `components.api.image`, or `image` at the top level."""
    key = "image" if section.image is not None else "images"
    return f"{own}.{key}".removeprefix("$.") if f"{own}.{key}" in document.keys else key


def _image_places(document: Document, own: str, section: ComponentSection) -> tuple[Position, ...]:
    """The positions of `image`, or of the entries of `images`."""
    if section.images:
        return _places(document, own, "images", section.images)
    return () if section.image is None else _places(document, own, "image", section.image)


def _places(document: Document, own: str, key: str, value: str | tuple[object, ...]) -> tuple[Position, ...]:
    """The positions of a list's entries, or of a text, in the component or else at the top level."""
    path = f"{own}.{key}" if f"{own}.{key}" in document.positions else f"$.{key}"
    paths = [path] if isinstance(value, str) else [f"{path}[{number}]" for number in range(len(value))]
    return tuple(document.positions[one] for one in paths if one in document.positions)
