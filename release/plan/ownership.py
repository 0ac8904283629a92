"""Compares the image under a tag with the one that a release expects there: decides conflicts and adoption. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from release.oci.platforms import normal
from release.plan.inputs import schema_of
from release.tagging.labels import INPUTS, PLATFORM
from release.tagging.model import Held
from release.versions.semver import parse, precedence_key


class Expectation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The commit, version, platforms and build inputs that the labels of an image of the release must name.

    `digests`: digests of images that were already judged to be this release. `platforms`: () if the build chooses them.
    `revision`: the revision label, if the config overrides it; None for the commit. `inputs`: the inputs label; None
    if inputs are not compared.
    `any_labels`: the labels are not compared, for another tool's image that is released as this commit on request.
    """

    commit: str
    version: str | None = None
    platforms: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    revision: str | None = None
    inputs: str | None = None
    any_labels: bool = False

    @property
    def labelled(self) -> str:
        """The expected text of the label `org.opencontainers.image.revision`."""
        return self.commit if self.revision is None else self.revision


Ownership = Literal["free", "ours", "same-revision", "other", "unknown"]
Inputs = Literal["equal", "different", "unlabelled"]


def ownership(held: Held, expected: Expectation) -> Ownership:
    """How the image that a tag holds relates to the expected release.

    `ours`: its digest is in `digests`; without `digests`, its revision, version and platforms are equal and its inputs
    do not differ. `same-revision`: an image of the same commit that is not `ours`. `other`: an image of another commit.
    """
    if held.state != "held":
        return "unknown" if held.state == "unknown" else "free"
    if held.digest in expected.digests:
        return "ours"
    if held.revision != expected.labelled:
        return "other"
    return "same-revision" if expected.digests or mismatch(held, expected) else "ours"


def mismatch(held: Held, expected: Expectation, *, any_version: bool = False) -> str | None:
    """The first difference between the image's labels and the expected release; None if the image is this release.

    `any_version`: do not compare versions, for an image that was built before the commit's version was known.
    """
    if held.cause is not None:
        return f"it cannot be read as an image: {held.cause}"
    if expected.any_labels:
        return _platforms_mismatch(held, expected)
    if held.disputed:
        return f"its platforms disagree about {_names(held.disputed)}"
    if held.revision != expected.labelled:
        return f"it says commit {held.revision or 'nothing'}, not {expected.labelled}"
    # An expectation without a version accepts any version label, since an image may inherit it from its base image:
    # `FROM ubuntu:24.04` gives `24.04`.
    if not any_version and expected.version is not None and held.version != expected.version:
        return f"it says version {held.version or 'nothing'}, not {expected.version}"
    if (wrong := _platforms_mismatch(held, expected)) is not None:
        return wrong
    if image_inputs(held, expected) == "different":
        return f"its label `{INPUTS}` is {held.inputs}, not {expected.inputs}"
    return None


def _platforms_mismatch(held: Held, expected: Expectation) -> str | None:
    if same_platforms(held, expected):
        return None
    return f"it is for {', '.join(held.platforms) or 'no platform'}, not {', '.join(expected.platforms)}"


def image_inputs(held: Held, expected: Expectation) -> Inputs:
    """Compare the image's inputs label with the expected one.

    `unlabelled`: the image has no inputs label, or one of another schema.
    """
    if expected.inputs is None:
        return "equal"
    if INPUTS in held.disputed:
        return "different"
    if held.inputs is None or schema_of(held.inputs) != schema_of(expected.inputs):
        return "unlabelled"
    return "equal" if held.inputs == expected.inputs else "different"


def same_platforms(held: Held, expected: Expectation) -> bool:
    """Whether the held image is for exactly the expected platforms; true for any platforms if none are expected."""
    if PLATFORM in held.disputed:
        return False
    if not expected.platforms:
        return True
    return all(
        any(accepts_platform(one, other) for other in held.platforms) for one in expected.platforms
    ) and all(any(accepts_platform(one, other) for one in expected.platforms) for other in held.platforms)


def several_platforms(platforms: Iterable[str]) -> tuple[str, ...]:
    """The platforms, each once and in one spelling; () if they are fewer than two."""
    distinct = tuple(dict.fromkeys(map(normal, platforms)))
    return distinct if len(distinct) > 1 else ()


def accepts_platform(wanted: str, found: str) -> bool:
    """Whether both name one platform, as `linux/arm` and `linux/arm/v7` do."""
    return normal(wanted) == normal(found)


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in labels)


def short(digest: str | None) -> str:
    """The first 19 characters of a digest, for messages: `sha256:` and 12 hex digits. Code compares whole digests."""
    return (digest or "nothing")[:19]


def explain(held: Held, expected: Expectation) -> str:
    """A sentence for a conflict: the image under the tag, and the image of this release."""
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
    """Whether the held image's version label is a higher version than `version`; false if one is not a version."""
    try:
        ours, theirs = parse(version or ""), parse(held.version or "")
    except ValueError:
        return False
    return precedence_key(theirs) > precedence_key(ours)
