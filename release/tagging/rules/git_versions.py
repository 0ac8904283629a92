"""Parses git tags as SemVer, PEP 440 or CalVer, into the names that the pattern of a tag rule may use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from release.lazy_pattern import pattern
from release.tagging.expressions.render import Value
from release.versions.calver import parse_calver
from release.versions.model import Version
from release.versions.semver import parse

# `MAX_SAFE_INTEGER` and `MAX_LENGTH` of the npm package `semver`, with which docker/metadata-action reads versions. A
# text above them is not a version there, so it is not one here. The length also limits PEP 440 versions.
_SAFE_INTEGER = 2**53 - 1
_LONGEST = 256  # characters


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A git tag parsed as a version. `names`: the values for patterns; `version`: the whole version, normalised.

    `stable`: whether the version may move tags such as `1.4` and `latest`. `release`: the version for comparisons with
    other releases; None if it cannot be compared.
    """

    raw: str
    version: str
    stable: bool
    names: Mapping[str, Value]
    release: Version | None


def read_semver(text: str) -> Reading | None:
    """Parse strict SemVer with an optional `v` and surrounding blanks; None for any other text."""
    if len(text) > _LONGEST:
        return None
    try:
        version = parse(text.strip().removeprefix("v"))
    except ValueError:
        return None
    if max(version.major, version.minor, version.patch) > _SAFE_INTEGER:
        return None
    plain = f"{version.major}.{version.minor}.{version.patch}"
    whole = f"{plain}-{version.prerelease}" if version.prerelease else plain
    names: dict[str, Value] = {
        "this": whole,
        "raw": text,
        "version": whole,
        "major": version.major,
        "minor": version.minor,
        "patch": version.patch,
        "prerelease": tuple(version.prerelease.split(".")) if version.prerelease else (),
        "build": tuple(version.build_metadata.split(".")) if version.build_metadata else (),
        "loose": False,
        "includePrerelease": False,
    }
    return Reading(raw=text, version=whole, stable=version.is_stable, names=names, release=version)


_PEP440 = pattern(
    r"""
    v?
    (?:(?P<epoch>[0-9]+)!)?
    (?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_number>[0-9]+)?)?
    (?P<post>-(?P<post_dash>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]+)?)?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]+)?)?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PRE = MappingProxyType({"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"})


def read_pep440(text: str) -> Reading | None:
    """Parse a version by PEP 440, appendix B, and normalise it; None for any other text."""
    found = _PEP440.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    numbers = [int(part) for part in found["release"].split(".")]
    version = ".".join(map(str, numbers))
    if found["epoch"] and int(found["epoch"]):
        version = f"{int(found['epoch'])}!{version}"
    if found["pre"]:
        pre = found["pre"].lower()
        version += f"{_PRE.get(pre, pre)}{int(found['pre_number'] or 0)}"
    if found["post"]:
        version += f".post{int(found['post_dash'] or found['post_number'] or 0)}"
    if found["dev"]:
        version += f".dev{int(found['dev_number'] or 0)}"
    stable = not (found["pre"] or found["post"] or found["dev"])
    if found["local"]:
        parts = re.split(r"[-_.]", found["local"].lower())
        # The dots of a local version become `-`, as in docker/metadata-action. `sanitize` replaces the `+` later.
        version += "+" + "-".join(str(int(part)) if part.isdecimal() else part for part in parts)
    major, minor, patch = [*numbers, 0, 0][:3]
    comparable = stable and len(numbers) <= 3 and "!" not in version and not found["local"]
    return Reading(
        raw=text,
        version=version,
        stable=stable,
        names={
            "this": version,
            "raw": text,
            "version": version,
            "major": major,
            "minor": minor,
            "patch": patch,
        },
        release=Version(major=major, minor=minor, patch=patch) if comparable else None,
    )


_NUMBERS = pattern(r"[0-9]+(?:[.-][0-9]+)*", re.ASCII)


def read_calver(text: str) -> Reading | None:
    """Parse a calendar version with an optional `v`: `2026.11`, `2026.11.20`, `26.04.1`, `2026-11-20-rc.1`.

    The third number is `day` and also `micro`, since the text does not show which; a fourth number is `micro`.
    """
    written = text.strip().removeprefix("v")
    try:
        version = parse_calver(written)
    except ValueError:
        return None
    found = _NUMBERS.match(written)
    numbers = re.split(r"[.-]", found[0]) if found else []
    third = int(numbers[2]) if len(numbers) > 2 else None
    names: dict[str, Value] = {
        "this": written,
        "raw": text,
        "version": written,
        "year": numbers[0],
        "month": numbers[1],
        "day": third,
        "micro": int(numbers[3]) if len(numbers) > 3 else third,
        "modifier": version.prerelease,
        "YYYY": str(version.major + (2000 if version.major < 100 else 0)),
        "YY": f"{version.major % 100:02}",
        "MM": str(version.minor),
        "0M": f"{version.minor:02}",
    }
    return Reading(raw=text, version=written, stable=version.is_stable, names=names, release=version)


READERS: Mapping[str, Callable[[str], Reading | None]] = MappingProxyType(
    {"semver": read_semver, "pep440": read_pep440, "calver": read_calver}
)
