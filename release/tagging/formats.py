"""Writes a version in the formats of other ecosystems; a version that a format cannot express is an error.

Every format keeps the order: by the ecosystem's own rules, the version of an untagged commit sorts between the
releases before and after that commit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.versions.model import Version

_OFF_TAG = pattern(r"(?:(.+)\.)?dev\.([0-9]+)\.(g[0-9a-f]+)", re.ASCII)
_STAGE = pattern(r"([A-Za-z]+)(?:\.?([0-9]+))?", re.ASCII)
# Source: PEP 440, "Pre-release spelling".
_PEP440_STAGES = MappingProxyType(
    {"a": "a", "alpha": "a", "b": "b", "beta": "b", "c": "rc", "rc": "rc", "pre": "rc", "preview": "rc"}
)
# Qualifiers that Maven sorts before the release (`ComparableVersion`); `snapshot` is added below. Unknown qualifiers
# sort after the release.
_MAVEN_STAGES = frozenset({"alpha", "beta", "milestone", "rc", "cr"})
# `MAX_SAFE_INTEGER` and `MAX_LENGTH` (characters) of the npm package `semver`, which npm checks versions with.
_NPM_LARGEST = 2**53 - 1
_NPM_LONGEST = 256  # characters
# Rust's crate `semver`, which Cargo uses, stores numbers as `u64`.
_CARGO_LARGEST = 2**64 - 1


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a prerelease: `rc.1` has stage and number; `rc.1.dev.5.g…` also distance and commit."""

    stage: str | None = None
    number: int | None = None
    distance: int | None = None
    commit: str | None = None


def format_version(version: Version, name: str) -> str:
    """Write `version` in the format `name`, a key of `FORMATS`. Raises `ConfigError` if the format cannot."""
    if name not in FORMATS:
        raise ConfigError(f"there is no version format `{name}`", hint=f"formats: {', '.join(FORMATS)}")
    return FORMATS[name](version)


def semver(version: Version) -> str:
    """A SemVer 2.0.0 version, unchanged."""
    if version.text:
        raise _unsayable(
            version, "SemVer", "a calendar version may have zeros in front, and two or four numbers"
        )
    return str(version)


def pep440(version: Version) -> str:
    """PEP 440: `1.5.0-rc.1` is `1.5.0rc1`, `1.4.3-dev.5.g3f2a…` is `1.4.3.dev5+g3f2a…`.

    `1.5.0-rc.1.dev.5.g…` comes after the candidate, so it is `1.5.0rc2.dev5+g…`. PEP 440 has no development release of
    a development release, so `1.5.0-dev.3.dev.5.g…` has its distance in the local version: `1.5.0.dev3+5.g…`. A
    prerelease without a word, such as `1.2.3-4`, is an error.
    """
    parts = _parts(version, "PEP 440")
    text = _numbers(version)
    number = parts.number or 0
    is_dev = parts.stage is not None and parts.stage.lower() == "dev"
    if is_dev:
        text += f".dev{number}"
    elif parts.stage is not None:
        if parts.stage.lower() not in _PEP440_STAGES:
            raise _unsayable(
                version, "PEP 440", f"PEP 440 knows `a`, `b`, `rc` and `dev` only, not `{parts.stage}`"
            )
        text += f"{_PEP440_STAGES[parts.stage.lower()]}{number + (parts.distance is not None)}"
    if parts.distance is not None and not is_dev:
        text += f".dev{parts.distance}"
    # Source: PEP 440, "Local version identifiers": compared as numbers, above the version without them.
    distance = str(parts.distance) if is_dev and parts.distance is not None else None
    local = [part for part in (distance, parts.commit, version.build_metadata) if part]
    if any(not re.fullmatch(r"[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*", part, re.ASCII) for part in local):
        raise _unsayable(version, "PEP 440", "a local version has letters and digits between dots only")
    # Source: PEP 440, "Local version identifiers": lower case, dots for dashes, numbers without zeros in front.
    pieces = [_plain(piece) for part in local for piece in re.split(r"[.-]", part.lower())]
    return f"{text}+{'.'.join(pieces)}" if pieces else text


def npm(version: Version) -> str:
    """An npm version: SemVer with numbers below 2^53, at most 256 characters, and no build metadata."""
    text = semver(version)
    if version.build_metadata:
        raise _unsayable(version, "npm", "build metadata would be dropped")
    numbers = [version.major, version.minor, version.patch]
    numbers += [int(part) for part in version.prerelease.split(".") if part.isdecimal()]
    if max(numbers) > _NPM_LARGEST or len(text) > _NPM_LONGEST:
        raise _unsayable(
            version, "npm", f"numbers go up to {_NPM_LARGEST} and texts to {_NPM_LONGEST} characters"
        )
    return text


def cargo(version: Version) -> str:
    """A Cargo version: SemVer whose three numbers fit into 64 bits."""
    if max(version.major, version.minor, version.patch) > _CARGO_LARGEST:
        raise _unsayable(version, "Cargo", f"numbers go up to {_CARGO_LARGEST}")
    return semver(version)


def maven(version: Version) -> str:
    """A Maven version: `1.5.0-rc-1`; for an untagged commit the `-SNAPSHOT` of the next version."""
    parts = _parts(version, "Maven")
    if version.build_metadata:
        raise _unsayable(version, "Maven", "a Maven version has no build metadata")
    text = _numbers(version)
    if parts.stage is not None:
        if parts.stage.lower() not in _MAVEN_STAGES:
            known = ", ".join(sorted(_MAVEN_STAGES))
            raise _unsayable(
                version, "Maven", f"Maven sorts `{parts.stage}` after the release; known words are {known}"
            )
        number = (parts.number or 0) + (parts.distance is not None)
        text += f"-{parts.stage}" + (f"-{number}" if parts.number is not None or number else "")
    return f"{text}-SNAPSHOT" if parts.distance is not None else text


def debian(version: Version) -> str:
    """A Debian upstream version: `1.5.0~rc.1` sorts before `1.5.0`. Source: deb-version(7)."""
    if version.text:
        raise _unsayable(version, "Debian", "it is a calendar version")
    if "-" in version.prerelease or "-" in version.build_metadata:
        raise _unsayable(version, "Debian", "a `-` would begin the package's revision")
    text = _numbers(version)
    if version.prerelease:
        text += f"~{version.prerelease}"
    return f"{text}+{version.build_metadata}" if version.build_metadata else text


def calver(version: Version) -> str:
    """A calendar version, as it was written."""
    if not version.text:
        raise _unsayable(
            version,
            "CalVer",
            "the tags are read as SemVer; `versions: calver` reads them as calendar versions",
        )
    return version.text


FORMATS: Mapping[str, Callable[[Version], str]] = MappingProxyType(
    {
        "semver": semver,
        "pep440": pep440,
        "npm": npm,
        "cargo": cargo,
        "maven": maven,
        "debian": debian,
        "calver": calver,
    }
)


def _parts(version: Version, grammar: str) -> _Parts:
    """The parts of the prerelease.

    Raises `ConfigError` unless the prerelease is `<stage>`, `<stage>.N`, `<stage>N` or off-tag.
    """
    if version.text:
        raise _unsayable(version, grammar, "it is a calendar version")
    if not version.prerelease:
        return _Parts()
    off_tag = _OFF_TAG.fullmatch(version.prerelease)
    before = off_tag[1] if off_tag else version.prerelease
    stage = _STAGE.fullmatch(before) if before else None
    if before and stage is None:
        raise _unsayable(version, grammar, f"the prerelease `{before}` is not one word and one number")
    return _Parts(
        stage=stage[1] if stage else None,
        number=int(stage[2]) if stage and stage[2] else None,
        distance=int(off_tag[2]) if off_tag else None,
        commit=off_tag[3] if off_tag else None,
    )


def _numbers(version: Version) -> str:
    return f"{version.major}.{version.minor}.{version.patch}"


def _plain(piece: str) -> str:
    return str(int(piece)) if piece.isdecimal() else piece


def _unsayable(version: Version, grammar: str, why: str) -> ConfigError:
    return ConfigError(
        f"`{version}` is not a {grammar} version: {why}", hint="take another `--format`, or another git tag"
    )
