"""Turns the text of `shipmark.yml` and the options of the command line into a `Config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from release import __version__
from release.config.checks import require_graph
from release.config.component import Component, component_of
from release.config.document import Document, Position, parse, without_empty
from release.config.model import (
    ComponentSection,
    ConfigFile,
    LogSection,
)
from release.config.retention import (
    PolicyFile,
    RetentionSection,
)
from release.decoding import convert
from release.errors import ConfigError

if TYPE_CHECKING:
    from release.config.overlay import Overlay

_NO_FILE = Document(value={}, positions={"$": Position(source="shipmark.yml", line=1, column=1)}, keys={})


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a run. `source`: the path of the config file, or None without a file."""

    project: str | None = None
    components: tuple[Component, ...] = ()
    log: tuple[LogSection, ...] = (
        LogSection(),
    )  # the first store is read; the other stores get copies of its entries
    source: str | None = None
    ignored: tuple[str, ...] = ()  # keys of the file that are not read in an untrusted run
    caution: str | None = None  # a warning about settings from outside of the file
    has_components: bool = False  # whether the file has the key `components`


def load(
    text: str | None,
    source: str | None,
    env: Mapping[str, str],
    *,
    images: tuple[str, ...] = (),
    public: Mapping[str, str] | None = None,
    overlay: Overlay | None = None,
) -> Config:
    """The configuration in `text` (None: no file). `images` of the command line replace those of the file.

    `overlay`: settings from outside of the file, which replace those of the file.
    `public`: None in a trusted run. In an untrusted run only allowed keys are read, and `public` lists the variables
    that values may use. `env`: the values of `${NAME}`. Raises `ConfigError` with the place, usually
    `file:line:column`.
    """
    document = _NO_FILE if text is None else _parsed(text, source or "shipmark.yml")
    caution = None
    # Imported late: most commands have no overlay, no key `requires`, and only trusted people's files.
    if overlay is not None:
        from release.config.overlay import laid_over, replaced_log

        caution = replaced_log(document, overlay) if public is None else None
        document = laid_over(document, overlay)
    ignored: tuple[str, ...] = ()
    if public is None and isinstance(document.value, dict) and "requires" in document.value:
        from release.config.requires import require_version

        require_version(document, __version__)
    if public is not None and isinstance(document.value, dict):
        from release.config.untrusted import readable

        value, ignored = readable(document.value, public)
        document = msgspec.structs.replace(document, value=value)
    file = _convert(document)
    if text is not None and "${" in text:
        from release.config.stray_variables import require_no_stray

        require_no_stray(document)
    _require_images(file, document)
    sections = {
        name: _merged(file, section, document, name) for name, section in file.components.items()
    } or {"app": _own(file)}
    components = tuple(
        component_of(name, section, env, images, document) for name, section in sections.items()
    )
    require_graph({one.name: one.section for one in components}, document)
    return Config(
        project=file.project,
        components=_among_others(components),
        log=_logs(file, env, document),
        source=source,
        ignored=ignored,
        caution=caution,
        has_components=bool(file.components),
    )


def load_policy(text: str, source: str) -> RetentionSection:
    """The section `retention:` of a file that holds nothing else. Raises `ConfigError` with `file:line:column`."""
    document = _parsed(text, source)
    if not isinstance(document.value, dict) or "retention" not in document.value:
        raise ConfigError(
            f"{document.at('$')}: there is no key `retention`", hint="write the policy as in shipmark.yml"
        )
    for key in document.value:
        if key != "retention":
            raise ConfigError(
                f"{document.keys.get(f'$.{key}') or document.at('$')}: unknown key `{key}`",
                hint="a policy file holds `retention:` alone; `--config FILE` takes a whole configuration",
            )
    try:
        return convert(without_empty(document.value), PolicyFile, strict=False).retention
    except msgspec.ValidationError as error:
        from release.config.mistakes import explained

        raise explained(document, error) from error


def _parsed(text: str, source: str) -> Document:
    document = parse(text, source)
    if not document.nulls:
        return document
    from release.config.nulls import without_nulls  # imported late: few files have a null

    return without_nulls(document)


def _among_others(components: tuple[Component, ...]) -> tuple[Component, ...]:
    """The components, each with the git tag prefixes of all other components."""
    return tuple(
        msgspec.structs.replace(
            one, other_prefixes=tuple(other.section.prefix for other in components if other is not one)
        )
        for one in components
    )


def _convert(document: Document) -> ConfigFile:
    if not isinstance(document.value, dict):
        raise ConfigError(
            f"{document.at('$')}: expected keys and values",
            hint="write `image: ghcr.io/acme/app`, for example",
        )
    if not document.value:
        return ConfigFile()  # without a file: the first conversion, of whatever, takes 2 ms
    try:
        return convert(without_empty(document.value), ConfigFile, strict=False)
    except msgspec.ValidationError as error:
        from release.config.mistakes import explained

        raise explained(document, error) from error


def _require_images(file: ConfigFile, document: Document) -> None:
    for path, section in [
        ("$", file),
        *((f"$.components.{name}", one) for name, one in file.components.items()),
    ]:
        if section.image is not None and section.images:
            raise ConfigError(
                f"{document.at(f'{path}.images')}: `image` and `images` are both given",
                hint="move the value of `image` into the list of `images`",
            )


def _own(file: ConfigFile) -> ComponentSection:
    return ComponentSection(**{name: getattr(file, name) for name in ComponentSection.__struct_fields__})


def _merged(file: ConfigFile, section: ComponentSection, document: Document, name: str) -> ComponentSection:
    """The component's settings; where the component lacks a key, that of the top level."""
    # The document tells which keys the component has: a default that it gives, such as `pull_requests: false`, counts.
    given = document.value["components"][name]
    chosen = {
        key: getattr(section if key in given else file, key) for key in ComponentSection.__struct_fields__
    }
    has_images = section.image is not None or bool(section.images)
    images = section if has_images else file
    return ComponentSection(**chosen | {"image": images.image, "images": images.images})


def _logs(file: ConfigFile, env: Mapping[str, str], document: Document) -> tuple[LogSection, ...]:
    if file.log is None:
        return (LogSection(),)
    from release.config.log_sections import log_sections  # imported late: most files have no key `log`

    return log_sections(file.log, env, document)
