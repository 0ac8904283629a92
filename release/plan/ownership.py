"""Whose content a tag holds: the one question behind conflicts, adoption and idempotence. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.tagging.model import Held


class Expectation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What our release looks like on a target.

    `digests`: those that our log or the chosen image already gave it. `platforms`: () when the build decides them.
    """

    commit: str
    version: str | None = None
    platforms: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()


Ownership = Literal["free", "ours", "same-revision", "other", "unknown"]


def ownership(held: Held, expected: Expectation) -> Ownership:
    """How the held content relates to the expected release.

    `ours`: the recorded digest, or, while none is known, equal revision, version and platforms.
    `same-revision`: built from our commit, but as another version, for other platforms, or once more.
    """
    if held.state != "held":
        return "unknown" if held.state == "unknown" else "free"
    if held.digest in expected.digests:
        return "ours"
    if held.revision != expected.commit:
        return "other"
    if expected.digests or held.version != expected.version or not same_platforms(held, expected):
        return "same-revision"
    return "ours"


def same_platforms(held: Held, expected: Expectation) -> bool:
    """Whether the held image is for the platforms that were asked for; any will do where none were."""
    return not expected.platforms or set(held.platforms) == set(expected.platforms)


def short(digest: str | None) -> str:
    """A digest as people compare it at a glance; never where it decides something."""
    return (digest or "nothing")[:19]


def explain(held: Held, expected: Expectation) -> str:
    """One sentence that says what stands there and what should: digests, and commits where they differ."""
    theirs = f"`{held.target}:{held.tag}` already holds {held.digest}"
    if held.revision and held.revision != expected.commit:
        theirs += f" of commit {held.revision}"
    elif held.version and held.version != expected.version:
        theirs += f" of version {held.version}"
    ours = f"this release is commit {expected.commit}"
    if expected.digests:
        ours = f"this release is {', '.join(expected.digests)} of commit {expected.commit}"
    return f"{theirs}; {ours}"
