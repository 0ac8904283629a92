"""What each kind of release step works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from release.plan.model import Operands, Slot
from release.plan.ownership import Expectation
from release.tagging.model import Candidate, FixedTag, Held, Line

Image = str | Slot[str]  # a digest, or the slot that obtaining the image fills


def digest_in(image: Image) -> str:
    """The digest of an image that was obtained: no step acts before its image is bound."""
    if isinstance(image, Slot):
        raise AssertionError(f"`{image.slot}` is not bound")
    return image


# The slots of a release. Their names stand in plan files, so they stay.


def image_of(component: str) -> Slot[str]:
    """The digest of the component's image."""
    return Slot(slot=f"image:{component}")


def built_of(component: str) -> Slot[Mapping[str, Any]]:
    """The component's image as `built` records it."""
    return Slot(slot=f"built:{component}")


def tools_of(component: str) -> Slot[Mapping[str, str]]:
    """Versions of the tools that built the component's image, where the builder names them."""
    return Slot(slot=f"tools:{component}", optional=True)


def builder_of(component: str) -> Slot[str]:
    """The name of the builder that built the component's image."""
    return Slot(slot=f"builder:{component}")


def tagged_of(step_id: str, *, optional: bool = False) -> Slot[Mapping[str, str]]:
    """What a step did to its tag, as `pushed`, `moved` and `promoted` record it."""
    return Slot(slot=f"tagged:{step_id}", optional=optional)


LOG_ENTRY: Slot[str] = Slot(slot="log-entry")  # `seq:hash` of the last entry that this run recorded or found


class CheckTarget(Operands, frozen=True, kw_only=True):
    """Preflight of one target: every fixed tag is free or ours."""

    target: str
    fixed: tuple[FixedTag, ...]
    expected: Expectation


class CheckPush(Operands, frozen=True, kw_only=True):
    """Preflight of one target: the credential may push there."""

    target: str


class CheckLog(Operands, frozen=True, kw_only=True):
    """Preflight of the version log: it takes entries."""


class BuildImage(Operands, frozen=True, kw_only=True):
    """Build, and leave the image in the local store.

    `spec`: the options as `BuildSpec.recorded` gives them, and the annotations. `builder`: the one that `auto` took.
    """

    component: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    created: int
    image: Image
    builder: str | None = None

    @property
    def builds_with(self) -> str | None:
        """The builder that makes the image; None where `auto` has not chosen."""
        named: str = self.spec.get("builder", "auto")
        return self.builder if named == "auto" else named


class FindImage(Operands, frozen=True, kw_only=True):
    """Take an image that exists: `resume`, `adopt` or `reuse` it from one of `sources`.

    `said`: what it was judged by, and must say again when its bytes are read to be taken.
    """

    component: str
    mode: Literal["resume", "adopt", "reuse"]
    digest: str
    sources: tuple[str, ...]
    reason: str
    said: Held | None = None


class PushContent(Operands, frozen=True, kw_only=True):
    """Blobs, configs, manifests and index to one target, by digest. `sources`: places to take them from."""

    target: str
    image: Image
    sources: tuple[str, ...]


class PutTag(Operands, frozen=True, kw_only=True):
    """Put a fixed tag on the image."""

    target: str
    tag: FixedTag
    image: Image
    expected: Expectation


class MoveTag(Operands, frozen=True, kw_only=True):
    """Move a moving tag to the image, if the guard still agrees."""

    target: str
    tag: str
    line: Line
    candidate: Candidate
    image: Image
    allow_backward: bool = False


class Attest(Operands, frozen=True, kw_only=True):
    """Attach the statement of the release `key` to its image."""

    target: str
    key: str
    image: Image


class Record(Operands, frozen=True, kw_only=True):
    """Append one fact to the version log; slots in it are filled by the steps before."""

    fact: Mapping[str, Any]


class SetTag(Operands, frozen=True, kw_only=True):
    """Point a name that follows no line of releases (`production`) at the image. `version`: of the image."""

    target: str
    tag: str
    image: str
    version: str | None
    allow_backward: bool = False


class CopyReferrers(Operands, frozen=True, kw_only=True):
    """Copy what refers to the image from `source`."""

    target: str
    image: str
    source: str
