"""Reads the images that each config file of the repository names, without following variables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from release.app.session import Session
from release.app.setup.doctor.ci_files import text_of
from release.app.setup.doctor.scene import OtherConfig
from release.config.document import Document, parse
from release.errors import ConfigError
from release.git.command import Git
from release.limits import CI_FILES

_PATTERNS = (
    ":(glob)**/shipmark.yml",
    ":(glob)**/shipmark-*.yml",
    ":(glob)**/shipmark.*.yml",
    ":(glob)**/*.shipmark.yml",
)
#: Keys by which two configs with one image keep their tags apart.
_APART = ("flavor", "tags")


def other_configs(session: Session) -> tuple[OtherConfig, ...]:
    """The config files that git tracks, by name. A file that cannot be read names no image. Raises `GitError`."""
    listed = Git(session.process, session.root, session.settings.env).read("ls-files", "-z", "--", *_PATTERNS)
    names = sorted({name for name in listed.decode("utf-8", "replace").split("\0") if name})[:CI_FILES]
    found = []
    for name in names:
        try:
            document = parse(text_of(session.root, name), name)
        except (ConfigError, OSError, UnicodeDecodeError):
            continue
        found.append(
            OtherConfig(path=name, images={image: (line, apart) for image, line, apart in _images(document)})
        )
    return tuple(found)


def _images(document: Document) -> Iterator[tuple[str, int, str]]:
    value = document.value
    if not isinstance(value, Mapping):
        return
    sections = [("$", value)]
    components = value.get("components")
    if isinstance(components, Mapping):
        sections += [
            (f"$.components.{name}", one) for name, one in components.items() if isinstance(one, Mapping)
        ]
    for path, section in sections:
        apart = repr([section.get(key, value.get(key)) for key in _APART])
        for where, one in _named(path, section):
            image = one.get("image") if isinstance(one, Mapping) else one
            if isinstance(image, str) and image and not image.startswith("oci:"):
                yield os.path.normpath(image), document.at(where).line, apart


def _named(path: str, section: Mapping[str, Any]) -> list[tuple[str, Any]]:
    images = section.get("images")
    several = (
        [(f"{path}.images[{number}]", one) for number, one in enumerate(images)]
        if isinstance(images, list)
        else []
    )
    return [(f"{path}.image", section.get("image")), *several]
