"""Compares shipmark's own version with the range in the config's key `requires`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from release.config.document import Document
from release.errors import ConfigError
from release.versions.model import Version
from release.versions.semver import NUMBER, parse, precedence_key

KEY = "requires"
_EXAMPLE = 'write `requires: ">=0.2"`, or several conditions: `requires: ">=0.2 <1"`'
# One condition: an operator, and a version that may lack its last numbers. Blanks or commas separate conditions.
_CONDITION = re.compile(
    rf"(>=|<=|==|=|>|<)[ ]*v?({NUMBER})(?:\.({NUMBER}))?(?:\.({NUMBER})(?:-([0-9A-Za-z.-]+))?)?", re.ASCII
)
_SEPARATOR = re.compile(r"[ ,]+")
#: Characters of a range; more are no range that a person writes.
_LONGEST = 200
# Numbers with more digits are no versions, and `int` refuses more than 4300.
_MOST_DIGITS = 9


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
        shown = f": `{text[:_LONGEST]}`" if isinstance(text, str) else ""
        raise ConfigError(f"{where}: `{KEY}` is not a range of versions{shown}", hint=_EXAMPLE)
    version = _running(running)
    if not all(_fits(version, operator, numbers, prerelease) for operator, numbers, prerelease in conditions):
        raise ConfigError(
            f"{where}: `{KEY}` asks for shipmark `{text}`, and this is shipmark {running}",
            hint=f"install a shipmark that is `{text}` instead of {running}; in CI, change the version or commit "
            "that the job installs",
        )


_Condition = tuple[str, tuple[int, ...], str]


def _conditions(text: str) -> list[_Condition] | None:
    """The conditions in `text`: operator, one to three numbers, prerelease. None if it is not a range."""
    if len(text) > _LONGEST:
        return None
    found: list[_Condition] = []
    position, text = 0, text.strip(" ,")
    while position < len(text):
        match = _CONDITION.match(text, position)
        if match is None or any(len(one or "") > _MOST_DIGITS for one in match.groups()[1:4]):
            return None
        operator, *numbers, prerelease = match.groups()
        found.append((operator, tuple(int(one) for one in numbers if one is not None), prerelease or ""))
        position = match.end()
        gap = _SEPARATOR.match(text, position)
        if gap is None and position < len(text):
            return None
        position = gap.end() if gap else position
    if not found or any(not _is_prerelease(prerelease) for *_, prerelease in found):
        return None
    return found


def _is_prerelease(text: str) -> bool:
    try:
        return not text or bool(parse(f"0.0.0-{text}"))
    except ValueError:
        return False


def _running(text: str) -> Version:
    """The version of this program. A version that Python spells its own way (`0.2.0.dev1`) counts by its numbers."""
    try:
        return parse(text)
    except ValueError:
        numbers = [int(one) for one in re.findall(r"[0-9]{1,9}", text.partition("+")[0])[:3]]
        major, minor, patch = (*numbers, 0, 0, 0)[:3]
        return Version(major=major, minor=minor, patch=patch)


def _fits(version: Version, operator: str, numbers: tuple[int, ...], prerelease: str) -> bool:
    """Whether `version` fulfils one condition.

    Only the given numbers are compared: `<=0.2` and `==0.2` include 0.2.5. A prerelease, and a build between releases,
    has the keys of the version that it leads to, so 0.2.0-rc.1 is `>=0.2`; a condition that itself names a prerelease
    is compared by precedence. Source: SemVer 2.0.0, 11.
    """
    own: Any
    wanted: Any
    if prerelease:
        bound = Version(major=numbers[0], minor=numbers[1], patch=numbers[2], prerelease=prerelease)
        own, wanted = precedence_key(version), precedence_key(bound)
    else:
        own, wanted = (version.major, version.minor, version.patch)[: len(numbers)], numbers
    verdicts: dict[str, bool] = {
        ">=": own >= wanted,
        ">": own > wanted,
        "<": own < wanted,
        "<=": own <= wanted,
    }
    return verdicts.get(operator, bool(own == wanted))
