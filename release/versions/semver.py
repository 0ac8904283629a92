"""Parses versions, compares them by precedence, and writes them as image tags."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from release.lazy_pattern import pattern
from release.versions.calver import after, parse_calver
from release.versions.model import Scheme, Version

NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = (
    rf"({NUMBER})\.({NUMBER})\.({NUMBER})"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_VERSION = pattern(_SEMVER, re.ASCII)
_LOOSE = (
    rf"({NUMBER})\.({NUMBER})(?:\.({NUMBER}))?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*)|([A-Za-z][0-9A-Za-z-]*(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
# Two numbers joined by a dot. Digits are limited so that a long name cannot make the search slow.
_VERSION_LIKE = pattern(r"[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)
_REBUILT = pattern(r"_r([1-9][0-9]{0,17})", re.ASCII)
# Characters of a version. An image tag has at most 128, so no longer version is released; and `int` refuses more than
# 4300 digits.
LONGEST = 255

Key = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


def parse(text: str) -> Version:
    """Parse a SemVer version without `v` and blanks. Raises `ValueError`. Source: SemVer 2.0.0, 2 to 10."""
    if len(text) <= LONGEST:
        # Most versions are three numbers; compiling the regular expression takes longer than deciding about them.
        numbers = text.split(".")
        if len(numbers) == 3 and all(map(_is_number, numbers)):
            return _version((*numbers, "", ""))
    match = _VERSION.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError(f"`{text[:LONGEST]}` is not a SemVer version")
    return _version(match.groups(default=""))


def _is_number(text: str) -> bool:
    """Whether `NUMBER` matches the whole text."""
    return text.isascii() and text.isdecimal() and (text == "0" or not text.startswith("0"))


def parse_as(text: str, scheme: Scheme) -> Version:
    """Parse a version of `scheme`. Raises `ValueError`; for the scheme `none` always."""
    if scheme == "none":
        raise ValueError("the scheme `none` has no versions")
    if scheme == "semver-loose":
        return _parse_loose(text)
    return parse(text) if scheme == "semver" else parse_calver(text)


@cache  # compiled when it is needed: few projects use this scheme, and every command imports this module
def _loose() -> re.Pattern[str]:
    return re.compile(_LOOSE, re.ASCII)


def _parse_loose(text: str) -> Version:
    """Parse a SemVer version that may lack its third number, or the `-` before its prerelease: `1.4`, `1.4rc1`."""
    match = _loose().fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError(f"`{text[:LONGEST]}` is not a SemVer version, nor one without its third number")
    major, minor, patch, dashed, plain, build_metadata = match.groups(default="")
    return _version((major, minor, patch or "0", dashed or plain, build_metadata))


def parse_either(text: str) -> Version:
    """Parse a SemVer version, else a calendar version, if the scheme is unknown. Raises `ValueError`."""
    try:
        return parse(text)
    except ValueError as error:
        try:
            return parse_calver(text)
        except ValueError:
            raise error from None


def parse_tag_name(name: str, prefix: str = "", scheme: Scheme = "semver") -> Version | None:
    """The version in a git tag's name, after `prefix` and an optional `v`; None if there is none."""
    if not name.startswith(prefix):
        return None
    try:
        return parse_as(name[len(prefix) :].removeprefix("v"), scheme)
    except ValueError:
        return None


def looks_like_version(name: str) -> bool:
    """Whether `name` has two numbers joined by a dot, readable or not: `v1.4`, `release-1.2.3`; not `nightly`, `v2`."""
    return _VERSION_LIKE.search(name) is not None


def precedence_key(version: Version) -> Key:
    """A key that sorts by precedence; build metadata does not count. Source: SemVer 2.0.0, 11."""
    if not version.prerelease:
        return (version.major, version.minor, version.patch, 1, ())
    return (version.major, version.minor, version.patch, 0, _identifiers(version.prerelease))


# Sorting needs the key of the same prerelease several times. Beyond this number, a prerelease is parsed again.
@lru_cache(maxsize=1024)
def _identifiers(prerelease: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in prerelease.split("."))


def _version(parts: tuple[str, ...]) -> Version:
    major, minor, patch, prerelease, build_metadata = parts
    return Version(
        major=int(major),
        minor=int(minor),
        patch=int(patch),
        prerelease=prerelease,
        build_metadata=build_metadata,
    )


def off_tag_version(base: Version | None, distance: int, commit: str) -> Version:
    """The version of a commit that is not a release, `distance` commits after `base`.

    `1.4.2` gives `1.4.3-dev.5.g3f2a9c1b7d40`, `1.5.0-rc.1` gives `1.5.0-rc.1.dev.5.g…`, and without a base it is
    `0.0.0-dev.N.g…` with the number of all commits. Without the `g`, SemVer would read an all-digit hash as a number.
    With `distance` 0 the commit is that of `base`, which is its version.
    """
    if base is not None and distance == 0:
        return base
    suffix = f"dev.{distance}.g{commit[:12]}"
    if base is not None and base.text:
        return after(base, suffix)
    if base is None:
        return Version(major=0, minor=0, patch=0, prerelease=suffix)
    if base.is_stable:
        return Version(major=base.major, minor=base.minor, patch=base.patch + 1, prerelease=suffix)
    return Version(
        major=base.major, minor=base.minor, patch=base.patch, prerelease=f"{base.prerelease}.{suffix}"
    )


def image_tag_of(version: Version, rebuild: int = 0) -> str:
    """The image tag of a version. A tag cannot contain `+`, which becomes `_`; rebuild N adds `_rN`."""
    tag = str(version).replace("+", "_")
    return f"{tag}_r{rebuild}" if rebuild else tag


def version_of_image_tag(image_tag: str, scheme: Scheme = "semver") -> tuple[Version, int] | None:
    """The version and the rebuild number that an image tag names (`1.4.2`, `1.4.2_r1`, `1.4.2_build.5`), or None."""
    # The image tag `1.4` is a moving tag, also where the git tag `v1.4` is read as 1.4.0.
    scheme = "semver" if scheme == "semver-loose" else scheme
    text, separator, rest = image_tag.partition("_")
    rebuild = 0
    metadata = rest
    if separator:
        # A last `_rN` is the rebuild number. Text between the first `_` and it is build metadata (`+` in the version).
        head, _, last = rest.rpartition("_")
        if match := _REBUILT.fullmatch(f"_{last}"):
            rebuild, metadata = int(match[1]), head
    try:
        whole = f"{text}+{metadata}" if metadata or (separator and not rebuild) else text
        return parse_as(whole, scheme), rebuild
    except ValueError:
        return None


def version_of_name(name: str, scheme: Scheme = "semver") -> tuple[Version, int] | None:
    """The version and the rebuild number that a label or a record names (`1.4.2+build.5`, `1.4.2_r1`), or None."""
    return version_of_image_tag(name.replace("+", "_"), scheme)
