"""Compares shipmark's own version with the range in the config's key `requires`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from release.config.document import Document
from release.errors import ConfigError
from release.versions.model import Version
from release.versions.ranges import Condition, parse_range
from release.versions.semver import parse

KEY = "requires"
_EXAMPLE = 'write `requires: ">=0.2"`, or several conditions: `requires: ">=0.2 <1"`'
# `requires` takes comparisons only. `0.2` alone would exclude 0.3, which reads the same keys: an error about it is
# better than a surprise at the next version.
_COMPARISONS = frozenset({">=", ">", "<", "<=", "=", "=="})
# Characters of a text that is not a range, in messages.
_QUOTED = 200


def require_version(document: Document, running: str) -> None:
    """Raise `ConfigError` with both versions if `running` is outside of the range of the document's key `requires`.

    Called before any other key is read: the other keys may be ones that this version does not know.
    """
    value: Any = document.value
    if not isinstance(value, Mapping) or value.get(KEY) is None:
        return
    text, where = value[KEY], document.at(f"$.{KEY}")
    conditions = _conditions(text) if isinstance(text, str) else None
    if conditions is None:
        shown = f": `{text[:_QUOTED]}`" if isinstance(text, str) else ""
        raise ConfigError(f"{where}: `{KEY}` is not a range of versions{shown}", hint=_EXAMPLE)
    version = _running(running)
    if not all(_fits(version, condition) for condition in conditions):
        raise ConfigError(
            f"{where}: `{KEY}` asks for shipmark `{text}`, and this is shipmark {running}",
            hint=f"install a shipmark that is `{text}` instead of {running}; in CI, change the version or commit "
            "that the job installs",
        )


def _conditions(text: str) -> tuple[Condition, ...] | None:
    """The conditions in `text`; None if it is not a list of comparisons."""
    found = parse_range(text)
    if found is None or len(found.alternatives) > 1:
        return None
    (conditions,) = found.alternatives
    compares = all(one.operator in _COMPARISONS and not one.wild for one in conditions)
    return conditions if compares else None


def _running(text: str) -> Version:
    """The version of this program. A version that Python spells its own way (`0.2.0.dev1`) counts by its numbers."""
    try:
        return parse(text)
    except ValueError:
        numbers = [int(one) for one in re.findall(r"[0-9]{1,9}", text.partition("+")[0])[:3]]
        major, minor, patch = (*numbers, 0, 0, 0)[:3]
        return Version(major=major, minor=minor, patch=patch)


def _fits(version: Version, condition: Condition) -> bool:
    """Whether `version` fulfils one condition.

    Only the given numbers are compared: `<=0.2` and `==0.2` include 0.2.5. A prerelease, and a build between releases,
    has the keys of the version that it leads to, so 0.2.0-rc.1 is `>=0.2`; a condition that itself names a prerelease
    is compared by precedence. Source: SemVer 2.0.0, 11.
    """
    leads_to = msgspec.structs.replace(version, prerelease="")
    return condition.holds(version if condition.prerelease else leads_to)
