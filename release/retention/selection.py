"""Selects tags by their names: globs, regular expressions of the whole tag, and versions. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from release.errors import ConfigError
from release.patterns import expression_of, has_wildcard
from release.versions.model import Version
from release.versions.ranges import VersionRange, parse_range
from release.versions.semver import version_of_image_tag

#: Compiles a regular expression for whole tags, with a time limit.
Compile = Callable[[str], Callable[[str], bool]]


class Naming(msgspec.Struct, frozen=True):
    """How the tags of a repository name versions.

    `version`: the version that a tag names, and the component whose it is where a repository has several, else `""`.
    `bare`: a tag without what rules put around a version, in every way in which they may have named it.
    """

    version: Callable[[str], tuple[Version, str] | None]
    bare: Callable[[str], tuple[str, ...]]


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """Names of tags. Every criterion that is given has to hold; of several globs one has to match.

    `exact`: the names that the globs spell out without a wildcard.
    """

    globs: tuple[Any, ...] = ()  # re.Pattern
    exact: frozenset[str] = frozenset()
    pattern: Any = None  # Callable[[str], bool] | None
    versions: bool | None = None
    range: VersionRange | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no criterion is given, so that every tag is selected."""
        return not self.globs and self.pattern is None and self.versions is None and self.range is None

    def selects(self, name: str, version: Version | None) -> bool:
        """Whether the tag `name`, which names `version` (None: no version), is selected."""
        if self.globs and not any(glob.fullmatch(name) for glob in self.globs):
            return False
        if self.versions is not None and (version is not None) is not self.versions:
            return False
        if self.range is not None and (version is None or not self.range.holds(version)):
            return False
        return self.pattern is None or bool(self.pattern(name))


def selector(
    match: str | tuple[str, ...] | None,
    pattern: str | None,
    semver: bool | str | None,
    *,
    compile_pattern: Compile,
    where: str,
) -> Selector:
    """The selector of a rule's keys. `where`: the rule, for messages. Raises `ConfigError`."""
    globs = (match,) if isinstance(match, str) else match or ()
    if match == ():
        raise ConfigError(f"{where}: `match` names no glob", hint='write `match: "sha-*"`, or remove the key')
    found = None
    if isinstance(semver, str):
        # YAML values of two types: msgspec reads `true` given as text, from `semver: "true"`, as text.
        if semver in {"true", "false"}:
            semver = semver == "true"
        elif (found := parse_range(semver)) is None:
            raise ConfigError(
                f"{where}: `{semver}` is not a range of versions",
                hint="write it as `>=1.0 <2.0`, `^1.4` or `1.x`",
            )
    return Selector(
        globs=tuple(glob_of(glob, where) for glob in globs),
        exact=frozenset(glob for glob in globs if not has_wildcard(glob)),
        pattern=None if pattern is None else _pattern(pattern, compile_pattern, where),
        versions=semver if isinstance(semver, bool) else None,
        range=found,
    )


def glob_of(glob: str, where: str) -> re.Pattern[str]:
    """The glob as a regular expression of whole tags. Raises `ConfigError`, also for a glob that matches no tag."""
    try:
        expression = re.compile(expression_of(glob), re.DOTALL)
    except ValueError as error:
        raise ConfigError(f"{where}: `{glob}` is not a glob: {error}", hint="write it as `sha-*`") from error
    # Source: OCI distribution-spec v1.1, "Pulling manifests": the characters of a tag. Without this, a misspelt glob
    # would keep nothing, in silence.
    odd = re.search(r"[^A-Za-z0-9_.*?\\-]", re.sub(r"\[[^\]]*\]", "", glob))
    if odd or not glob:
        why = f"no tag has `{odd[0]}`" if odd else "it is empty"
        raise ConfigError(
            f"{where}: `{glob}` matches no tag: {why}",
            hint="write it as `sha-*`; several as a list: `[sha-*, pr-*]`",
        )
    return expression


def version_of(name: str) -> Version | None:
    """The version that a tag names, also that of a rebuild (`1.4.2_r1`); None for other tags."""
    found = version_of_image_tag(name)
    return None if found is None else found[0]


def _usual_version(name: str) -> tuple[Version, str] | None:
    found = version_of(name)
    return None if found is None else (found, "")


#: The default scheme.
USUAL_NAMING = Naming(version=_usual_version, bare=lambda name: (name,))


def _pattern(text: str, compile_pattern: Compile, where: str) -> Callable[[str], bool]:
    try:
        return compile_pattern(text)
    except ConfigError as error:
        raise ConfigError(f"{where}: `pattern`: {error.message}", hint=error.hint) from error
