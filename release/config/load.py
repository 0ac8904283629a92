"""Turns the text of `shipmark.yml` and the options of the command line into a `Config`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from release import __version__
from release.build_spec import BuildSpec
from release.config.checks import require_component, require_graph
from release.config.document import Document, Position, parse
from release.config.model import (
    BumpPart,
    BumpSection,
    ComponentSection,
    ConfigFile,
    LogSection,
    TargetSection,
)
from release.config.retention import (
    DeleteSection,
    InUseSection,
    KeepSection,
    LimitsSection,
    LogWindowSection,
    PolicyFile,
    RetentionSection,
)
from release.config.variables import expand_name, expand_url
from release.decoding import convert
from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.ref_names import remote_kind, require_git_tag, require_ref

if TYPE_CHECKING:
    from release.config.overlay import Overlay

_UNKNOWN_KEY = pattern(r"unknown field `([^`]*)`")
_PATH = pattern(r" - at `(\$[^`]*)`$")
_PARTS = pattern(r"\.[a-z_]+|\[[0-9]+\]|\[\.\.\.\]")

_NO_FILE = Document(value={}, positions={"$": Position(source="shipmark.yml", line=1, column=1)}, keys={})


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one component; keys that the component does not set have the values of the top level."""

    name: str
    section: ComponentSection
    targets: tuple[TargetSection, ...]
    build: BuildSpec
    tag_places: tuple[Position, ...] = ()  # positions of the entries of `tags`, or of its text
    flavor_place: Position | None = None
    other_prefixes: tuple[str, ...] = ()  # the prefixes of the other components' git tags


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a run. `source`: the path of the config file, or None without a file."""

    project: str | None = None
    components: tuple[Component, ...] = ()
    log: tuple[LogSection, ...] = (
        LogSection(),
    )  # the first store is read; the other stores get copies of its entries
    source: str | None = None
    ignored: tuple[str, ...] = ()  # keys of the file that are not read in an untrusted run
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
    document = _NO_FILE if text is None else parse(text, source or "shipmark.yml")
    # Imported late: most commands have no overlay, no key `requires`, and only trusted people's files.
    if overlay is not None:
        from release.config.overlay import laid_over

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
    _require_images(file, document)
    components = tuple(
        _component(name, _merged(file, section), env, images, document)
        for name, section in (file.components or {"app": _own(file)}).items()
    )
    require_graph({one.name: one.section for one in components}, document)
    return Config(
        project=file.project,
        components=_among_others(components),
        log=_logs(file.log, env, document),
        source=source,
        ignored=ignored,
        has_components=bool(file.components),
    )


def load_policy(text: str, source: str) -> RetentionSection:
    """The section `retention:` of a file that holds nothing else. Raises `ConfigError` with `file:line:column`."""
    document = parse(text, source)
    if not isinstance(document.value, dict) or "retention" not in document.value:
        raise ConfigError(
            f"{document.at('$')}: there is no key `retention`", hint="write the policy as in shipmark.yml"
        )
    try:
        return convert(_without_empty(document.value), PolicyFile, strict=False).retention
    except msgspec.ValidationError as error:
        _explain(document, error)


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
        raise ConfigError(f"{document.at('$')}: expected keys and values")
    if not document.value:
        return ConfigFile()  # without a file: the first conversion, of whatever, takes 2 ms
    try:
        return convert(_without_empty(document.value), ConfigFile, strict=False)
    except msgspec.ValidationError as error:
        _explain(document, error)


def _without_empty(value: Any) -> Any:
    """`value` without the keys that have no value, so that their defaults apply."""
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return ["" if item is None else _without_empty(item) for item in value]
    return value


def _explain(document: Document, error: msgspec.ValidationError) -> NoReturn:
    text = str(error)
    found = _PATH.search(text)
    path = _real_path(document, found[1]) if found else "$"
    reason = text[: found.start()] if found else text
    unknown = _UNKNOWN_KEY.search(reason)
    if unknown is None:
        raise ConfigError(f"{document.at(path)}: `{path.removeprefix('$.')}`: {_lower(reason)}") from error
    key = unknown[1]
    where = document.keys.get(f"{path}.{key}") or document.at(path)
    import difflib  # imported late: only this error needs it

    near = difflib.get_close_matches(key, _fields_at(path), n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(_fields_at(path))}"
    raise ConfigError(f"{where}: unknown key `{key}`", hint=hint) from error


def _real_path(document: Document, path: str) -> str:
    """`path` with a real key in place of msgspec's `[...]`: the first key whose value has the wrong type."""
    value, real = document.value, "$"
    for part in _PARTS.findall(path):
        if part == "[...]":
            wanted: Any = ComponentSection if real == "$.components" else str
            if real.endswith(".bump.types"):
                wanted = BumpPart
            step = next((key for key, item in value.items() if _fails(item, wanted)), None)
        else:
            step = int(part[1:-1]) if part.startswith("[") else part[1:]
        try:
            value = value[step]
        except LookupError:
            break  # not a path: the message quotes a key that looks like one
        real += part if isinstance(step, int) else f".{step}"
    return real


def _fails(value: Any, wanted: Any) -> bool:
    try:
        convert(_without_empty(value), wanted, strict=False)
    except msgspec.ValidationError:
        return True
    return False


def _fields_at(path: str) -> tuple[str, ...]:
    last = re.sub(r"\[[^\]]*\]", "", path).rsplit(".", 1)[-1]
    sections: dict[str, type[msgspec.Struct]] = {
        "$": ConfigFile,
        "build": BuildSpec,
        "log": LogSection,
        "images": TargetSection,
        "bump": BumpSection,
        "retention": RetentionSection,
        "delete": DeleteSection,
        "keep": KeepSection,
        "limits": LimitsSection,
        "in_use": InUseSection,
    }
    if ".keep[" in path and last == "log":
        return LogWindowSection.__struct_fields__
    return sections.get(last, ComponentSection).__struct_fields__


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _require_images(file: ConfigFile, document: Document) -> None:
    for path, section in [
        ("$", file),
        *((f"$.components.{name}", one) for name, one in file.components.items()),
    ]:
        if section.image is not None and section.images:
            raise ConfigError(f"{document.at(f'{path}.images')}: `image` and `images` are both given")


def _own(file: ConfigFile) -> ComponentSection:
    return ComponentSection(**{name: getattr(file, name) for name in ComponentSection.__struct_fields__})


def _merged(file: ConfigFile, section: ComponentSection) -> ComponentSection:
    """The component's settings; a setting that the component lacks, or has at its default, is that of the top level."""
    defaults = ComponentSection()
    chosen = {}
    for name in ComponentSection.__struct_fields__:
        own = getattr(section, name)
        chosen[name] = own if own != getattr(defaults, name) else getattr(file, name)
    if section.image is not None or section.images:
        chosen |= {"image": section.image, "images": section.images}
    return ComponentSection(**chosen)


def _component(
    name: str,
    section: ComponentSection,
    env: Mapping[str, str],
    images: tuple[str, ...],
    document: Document,
) -> Component:
    given: tuple[str | TargetSection, ...] = images or section.images
    if not given and section.image is not None:
        given = (section.image,)
    own = f"$.components.{name}"
    if section.prefix:
        where = document.at(f"{own}.prefix" if f"{own}.prefix" in document.positions else "$.prefix")
        require_git_tag(f"{where}: prefix", f"{section.prefix}1.0.0")
    require_component(name, section, document)
    key = "--image" if images else _key_of_images(document, own, section)
    place = "" if images else f"{document.at('$').source}: "
    named = [TargetSection(image=one) if isinstance(one, str) else one for one in given]
    targets = tuple(
        msgspec.structs.replace(one, image=expand_name(one.image, env, key=key, where=place)) for one in named
    )
    return Component(
        name=name,
        section=section,
        targets=targets,
        build=section.build or BuildSpec(),
        tag_places=_places(document, own, "tags", section.tags),
        flavor_place=next(iter(_places(document, own, "flavor", "")), None),
    )


def _key_of_images(document: Document, own: str, section: ComponentSection) -> str:
    """The key of the images for messages: `components.api.image`, or `image` at the top level."""
    key = "image" if section.image is not None else "images"
    return f"{own}.{key}".removeprefix("$.") if f"{own}.{key}" in document.keys else key


def _places(document: Document, own: str, key: str, value: str | tuple[object, ...]) -> tuple[Position, ...]:
    """The positions of a list's entries, or of a text, in the component or else at the top level."""
    path = f"{own}.{key}" if f"{own}.{key}" in document.positions else f"$.{key}"
    paths = [path] if isinstance(value, str) else [f"{path}[{number}]" for number in range(len(value))]
    return tuple(document.positions[one] for one in paths if one in document.positions)


def _logs(
    given: LogSection | tuple[str | LogSection, ...] | None, env: Mapping[str, str], document: Document
) -> tuple[LogSection, ...]:
    entries = given if isinstance(given, tuple) else (given or LogSection(),)
    if not entries:
        raise ConfigError(f"{document.at('$.log')}: `log` names no store")
    return tuple(_log(entry, env, document, f"$.log[{number}]") for number, entry in enumerate(entries))


def _log(entry: str | LogSection, env: Mapping[str, str], document: Document, path: str) -> LogSection:
    if isinstance(entry, str):
        try:
            return convert({"store": entry}, LogSection)
        except msgspec.ValidationError as error:
            where = document.at(path)
            raise ConfigError(
                f"{where}: `{entry}` is not a log store", hint="write `file`, `git` or `sql`"
            ) from error
    file = f"{document.at('$').source}: "
    if entry.store == "git":
        require_ref(f"{document.at(f'{path}.ref')}: log.ref", entry.ref)
        remote_kind(f"{document.at(f'{path}.remote')}: log.remote", entry.remote)
    url = None if entry.url is None else expand_url(entry.url, env, key="log.url", where=file)
    named = expand_name(entry.path, env, key="log.path", where=file)
    if entry.store == "file":
        key = f"{path}.path" if f"{path}.path" in document.positions else "$.log.path"
        _require_log_path(named, f"{document.at(key)}: `log.path`")
    return msgspec.structs.replace(entry, path=named, url=url)


def _require_log_path(path: str, where: str) -> None:
    """Raise `ConfigError` for text that names no file, a relative path out of the repository, or a `.git` folder."""
    parts = posixpath.normpath(path).split("/")
    if not path or path.endswith("/") or parts == ["."] or not path.isprintable():
        raise ConfigError(f"{where} names no file: `{path}`", hint="`.shipmark/log.jsonl` is the default")
    if parts[0] == "..":
        raise ConfigError(
            f"{where} leaves the repository: `{path}`", hint="name a file in it, or write an absolute path"
        )
    if any(part.lower() == ".git" for part in parts):
        raise ConfigError(f"{where} leads into git's own folder: `{path}`", hint="name a file elsewhere")
