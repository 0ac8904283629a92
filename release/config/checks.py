"""Checks of components beyond the types of their keys: globs, names, channels, dependencies, calver. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from release.config.document import Document, Position
from release.config.model import ComponentSection
from release.errors import ConfigError
from release.hints import did_you_mean
from release.versions.status import STATUS_TAG

#: Moving tags of other things, which a channel's tag would overwrite.
RESERVED = frozenset({"latest", STATUS_TAG})


def require_component(name: str, section: ComponentSection, document: Document) -> None:
    """Raise `ConfigError` for an invalid glob, label's name, channel, or pattern of calendar versions.

    Also for a component without a name.
    """
    if not name.strip():
        where = document.keys.get(f"$.components.{name}") or document.at("$.components")
        raise ConfigError(f"{where}: a component has no name", hint="write one: `components: {api: {…}}`")
    _require_read(name, section, document)
    _require_globs(name, section, document)
    _require_names(name, section, document)
    if section.release_on or section.bump.types or section.checks or section.tags != "default":
        from release.config.words import require_all_words  # imported late: many have none of these keys

        require_all_words(name, section, document)
    if section.bump.calver:
        from release.versions.next_calver import require_pattern  # imported late: few configs have the key

        try:
            require_pattern(section.bump.calver)
        except ValueError as error:
            where = _at(document, name, "bump.calver")
            raise ConfigError(
                f"{where}: `bump.calver`: {error}", hint="calver.org lists the tokens"
            ) from error
        own = f"$.components.{name}"
        # At the top level the key may be meant for other components.
        if section.versions != "calver" and (
            own not in document.positions or f"{own}.bump.calver" in document.positions
        ):
            raise ConfigError(
                f"{_at(document, name, 'bump.calver')}: `bump.calver` is read with `versions: calver` only",
                hint="add `versions: calver`, or remove `bump.calver`",
            )


def _require_read(name: str, section: ComponentSection, document: Document) -> None:
    """Raise `ConfigError` for a key that only the default tags read, or only rules in `tags:`: it had no effect."""
    own = f"$.components.{name}"
    places = document.positions
    if section.tags == "default":
        # At the top level the key may be meant for other components.
        if section.events != "guarded" and (own not in places or f"{own}.events" in places):
            raise ConfigError(
                f"{_at(document, name, 'events')}: `events` is read with rules in `tags:` only",
                hint="write rules in `tags:`, or remove `events`",
            )
        return
    for key, is_given, hint in (
        ("latest", section.latest != "auto", _latest_of_rules(section)),
        (
            "channels",
            bool(section.channels),
            "write a rule for the tag of the channel, and remove `channels`",
        ),
    ):
        if is_given and (f"{own}.{key}" in places or f"{own}.tags" not in places):
            raise ConfigError(
                f"{_at(document, name, key)}: `{key}` is read with the default tags only, and `tags` has rules",
                hint=hint,
            )


def _latest_of_rules(section: ComponentSection) -> str:
    rule = "type=raw,value=latest,enable={{is_default_branch}}"
    instead = (
        "`flavor: latest=false`"
        if section.latest == "never"
        else f"`flavor: latest=false` and the rule `{rule}`"
    )
    return f"write {instead} in its place"


def _require_globs(name: str, section: ComponentSection, document: Document) -> None:
    for key, globs in (("paths", section.paths), ("bump.paths", section.bump.paths)):
        if not globs:
            continue
        from release.config.path_globs import (
            expressions_of,
            require_own_syntax,
        )  # imported late: many have no globs

        where = _at(document, name, key)
        if all(glob.lstrip().startswith("!") for glob in globs):
            hint = f"write what they take away from before them: `{key}: ['**', '{globs[0]}']`"
            raise ConfigError(f"{where}: `{key}` has only globs with `!`, so it matches no file", hint=hint)
        try:
            require_own_syntax(globs)
            expressions_of(globs)
        except ValueError as error:
            hint = "write it as in `.dockerignore`: `api/**`, `*.proto`"
            raise ConfigError(f"{where}: `{key}`: {error}", hint=hint) from error


def _require_names(name: str, section: ComponentSection, document: Document) -> None:
    for key, given in (("labels", section.labels), ("annotations", section.annotations)):
        # Source: OCI image-spec v1.1, "Annotations", "Rules": keys must not be empty. Labels follow the same rules.
        if given and "" in _names(given):
            hint = "write `name=text`, or a map `name: text`"
            raise ConfigError(f"{_at(document, name, key)}: `{key}`: a name is empty", hint=hint)
    for arg in () if section.build is None else section.build.args:
        # A builder gets an argument as `NAME=VALUE`, or in a variable of that name.
        if not arg or "=" in arg or any(character.isspace() for character in arg):
            raise ConfigError(
                f"{_at(document, name, 'build')}: `build.args`: `{arg}` is not the name of a build argument",
                hint="write it as after `ARG` in the Dockerfile: `args: {VERSION: …}`",
            )
    for channel in section.channels:
        from release.versions.prereleases import is_channel  # imported late: few configs have the key

        if not is_channel(channel) or channel in RESERVED:
            raise ConfigError(
                f"{_at(document, name, 'channels')}: `channels`: `{channel}` is not the name of a channel",
                hint="a channel begins with a letter, has letters, digits and `-` only, and is not `latest`: `rc`",
            )


def _names(given: str | Mapping[str, str] | Sequence[str]) -> list[str]:
    """The names of labels or annotations, which are a map, or lines `name=text` of which some are comments."""
    if isinstance(given, Mapping):
        return [name.strip() for name in given]
    lines = given.splitlines() if isinstance(given, str) else given
    return [
        line.partition("=")[0].strip() for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]


def require_graph(sections: Mapping[str, ComponentSection], document: Document) -> None:
    """Raise `ConfigError` if a component depends on an unknown one, or on itself, directly or through others."""
    direct = {name: section.depends for name, section in sections.items()}
    for name, names in direct.items():
        for unknown in [one for one in names if one not in direct]:
            hint = did_you_mean(unknown, direct, f"there are: {', '.join(direct)}", cutoff=0.5)
            where = _at(document, name, "depends")
            raise ConfigError(f"{where}: `depends`: no component is called `{unknown}`", hint=hint)
    if circle := cycle_in(direct):
        raise ConfigError(
            f"{_at(document, circle[0], 'depends')}: components depend on one another in a circle: "
            f"{' → '.join(f'`{one}`' for one in circle)}",
            hint="remove one of these names from the `depends` of the name before it",
        )


def cycle_in(direct: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A circle of dependencies, which begins and ends with the same name; empty if there is none."""
    done: set[str] = set()
    for start in direct:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, True)]
        while stack:
            name, enters = stack.pop()
            if not enters:
                done.add(path.pop())
            elif name in path:
                return (*path[path.index(name) :], name)
            elif name not in done:
                path.append(name)
                stack.append((name, False))
                stack += [(one, True) for one in reversed(direct.get(name, ()))]
    return ()


def _at(document: Document, name: str, key: str) -> Position:
    """The place of a component's key; else of the same key at the top level, from which the component has it."""
    own = f"$.components.{name}.{key}"
    return document.at(own if own in document.positions else f"$.{key}")
