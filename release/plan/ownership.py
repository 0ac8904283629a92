"""Whose content a tag holds: the one question behind conflicts, adoption and idempotence. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.plan.inputs import schema_of
from release.tagging.labels import INPUTS, PLATFORM
from release.tagging.model import Held
from release.versions.semver import parse, precedence_key

# Docker's builders and containerd take an arm64 image without a variant for v8.
_SAME_PLATFORM = {"linux/arm64/v8": "linux/arm64"}


class Expectation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What our release looks like on a target.

    `digests`: of images that were judged to be this release. `platforms`: () when the build decides them.
    `revision`: the label, where the config overrides it; else it is the commit. `inputs`: the label; None where
    nothing is to be compared.
    """

    commit: str
    version: str | None = None
    platforms: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    revision: str | None = None
    inputs: str | None = None

    @property
    def labelled(self) -> str:
        """What the label `org.opencontainers.image.revision` says."""
        return self.commit if self.revision is None else self.revision


Ownership = Literal["free", "ours", "same-revision", "other", "unknown"]
Inputs = Literal["equal", "different", "unlabelled"]


def ownership(held: Held, expected: Expectation) -> Ownership:
    """How the held content relates to the expected release.

    `ours`: a digest that was judged, or, while there is none, equal revision, version and platforms, and inputs that
    do not differ. `same-revision`: built from our commit, but as another version, for other platforms, from other
    inputs, or once more.
    """
    if held.state != "held":
        return "unknown" if held.state == "unknown" else "free"
    if held.digest in expected.digests:
        return "ours"
    if held.revision != expected.labelled:
        return "other"
    return "same-revision" if expected.digests or mismatch(held, expected) else "ours"


def mismatch(held: Held, expected: Expectation, *, any_version: bool = False) -> str | None:
    """What the image says of itself that this release does not, or None where it is this release.

    `any_version`: for an image that was built from the commit before its version was known.
    """
    if held.cause is not None:
        return f"it cannot be read as an image: {held.cause}"
    if held.disputed:
        return f"its platforms disagree about {_names(held.disputed)}"
    if held.revision != expected.labelled:
        return f"it says commit {held.revision or 'nothing'}, not {expected.labelled}"
    # Without a version of its own an image may show its base's: `FROM ubuntu:24.04` says 24.04.
    if not any_version and expected.version is not None and held.version != expected.version:
        return f"it says version {held.version or 'nothing'}, not {expected.version}"
    if not same_platforms(held, expected):
        return f"it is for {', '.join(held.platforms) or 'no platform'}, not {', '.join(expected.platforms)}"
    if image_inputs(held, expected) == "different":
        return f"its label `{INPUTS}` is {held.inputs}, not {expected.inputs}"
    return None


def image_inputs(held: Held, expected: Expectation) -> Inputs:
    """How the inputs in the image's label compare; `unlabelled`: it has no such label, or one of another schema."""
    if expected.inputs is None:
        return "equal"
    if INPUTS in held.disputed:
        return "different"
    if held.inputs is None or schema_of(held.inputs) != schema_of(expected.inputs):
        return "unlabelled"
    return "equal" if held.inputs == expected.inputs else "different"


def same_platforms(held: Held, expected: Expectation) -> bool:
    """Whether the held image is for the platforms that were asked for; any will do where none were."""
    if PLATFORM in held.disputed:
        return False
    if not expected.platforms:
        return True
    return all(any(_accepts(one, other) for other in held.platforms) for one in expected.platforms) and all(
        any(_accepts(one, other) for one in expected.platforms) for other in held.platforms
    )


def _accepts(wanted: str, found: str) -> bool:
    """Whether an image for `found` is what was asked for; without a variant every variant will do."""
    wanted, found = _SAME_PLATFORM.get(wanted, wanted), _SAME_PLATFORM.get(found, found)
    return wanted == found or (wanted.count("/") == 1 and found.startswith(f"{wanted}/"))


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in labels)


def short(digest: str | None) -> str:
    """A digest as people compare it at a glance; never where it decides something."""
    return (digest or "nothing")[:19]


def explain(held: Held, expected: Expectation) -> str:
    """One sentence that says what stands there and what should: digests, and commits where they differ."""
    theirs = f"`{held.target}:{held.tag}` already holds {held.digest}"
    if held.revision and held.revision != expected.labelled:
        theirs += f" of commit {held.revision}"
    elif held.version and held.version != expected.version:
        theirs += f" of version {held.version}"
    elif held.disputed:
        theirs += f", whose platforms disagree about {_names(held.disputed)}"
    elif image_inputs(held, expected) == "different":
        theirs += ", built from other inputs"
    ours = f"this release is commit {expected.commit}"
    if expected.digests:
        ours = f"this release is {', '.join(expected.digests)} of commit {expected.commit}"
    return f"{theirs}; {ours}"


def goes_back(version: str | None, held: Held) -> bool:
    """Whether what is held says that it is a higher version than `version`."""
    try:
        ours, theirs = parse(version or ""), parse(held.version or "")
    except ValueError:
        return False
    return precedence_key(theirs) > precedence_key(ours)
