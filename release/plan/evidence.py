"""Compares the version log's record of a release's image with the labels of the image. Pure.

A log entry alone is not enough, so that somebody who can only write the log cannot put another image under a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.errors import InputsChanged, RefusedError, RegistryError
from release.plan.inputs import changed_inputs
from release.plan.ownership import Expectation, image_inputs, mismatch
from release.tagging.labels import INPUTS
from release.tagging.model import Held

STORE = "store"  # the name of the local content store among the sources of an image in plans


class RecordedPart(msgspec.Struct, frozen=True, kw_only=True):
    """The log's record of one platform's image.

    `attested`: whether manifests exist that are about the image, such as attestations. `index`: the digest of the index
    that the builder made of it, or empty. `context`: what the image was built from, in the form of a record.
    """

    platform: str
    digest: str
    attested: bool = False
    index: str = ""
    builder: str | None = None
    context: Mapping[str, Any] | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The version log's record of one release. `pushed`, `moved`: targets with such an entry.

    `digest`, `inputs`: those of the image that was built. `attempt`: the last attempt. `via`: how the image was
    obtained. `as_commit`: the image was released although its labels do not name the commit. `parts`: the images of
    single platforms, the newest last. `apart`: targets for which a later entry says that a moving tag of the release
    holds something else, with the entry's position: a runner with another log may have moved the tag back since.
    """

    digest: str | None = None
    inputs: Mapping[str, Any] = {}
    attempt: str | None = None
    pushed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    apart: Mapping[str, int] = {}
    released: bool = False
    via: str = ""
    as_commit: bool = False
    parts: tuple[RecordedPart, ...] = ()

    @property
    def visible(self) -> bool:
        """Whether others can see the release: the log has a `pushed` or `released` entry."""
        return bool(self.pushed) or self.released


class ContentSource(msgspec.Struct, frozen=True, kw_only=True):
    """A target, or the local `store`, that has the image of a digest.

    `image`: the labels of all platforms, as read from the source. The state of `image` is `unknown` if the labels could
    not be read now; `image` has a `cause` if the bytes are not an image.
    """

    name: str
    digest: str
    image: Held


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on the image digest that the log records for a release.

    `digest`: the recorded digest; None if the log has none, or if the digest is given up. `sources`: targets or the
    store that have the image. `abandons`: why the digest is given up although its bytes exist: built from other inputs,
    or, with `false` set, another image. `lost`: set if neither a target nor the store has the bytes.
    """

    digest: str | None = None
    sources: tuple[str, ...] = ()
    image: Held | None = None
    abandons: str | None = None
    false: bool = False
    lost: str | None = None


def weigh(
    recorded: Recorded,
    places: tuple[ContentSource, ...] | None,
    expected: Expectation,
    inputs: Mapping[str, Any],
    *,
    any_version: bool,
) -> Evidence:
    """Decide whether the release may continue with the digest that the log has.

    `places`: those that were asked; None if nobody was asked, so that the log alone speaks.

    While the release is not visible to others, the digest of another image is given up, and the image is built again;
    so is a digest of other inputs that is on no target. For any other such digest `RefusedError` or `InputsChanged` is
    raised. Raises `RegistryError` if the image cannot be read.
    """
    digest = recorded.digest
    if digest is None:
        return Evidence()
    if places is None:
        return _by_the_log(recorded, digest, inputs)
    having = [place for place in places if place.digest == digest]
    if not having:
        if recorded.visible and changed_inputs(recorded.inputs, inputs):
            raise inputs_changed(f"{digest}", recorded.inputs, inputs)
        return Evidence(digest=digest, lost=f"nobody has the bytes of {digest} any more")
    read = [place for place in having if place.image.state == "held"]
    if not read:
        raise RegistryError(
            f"image {digest}, which the version log has for this release, cannot be read: {having[0].image.cause}",
            hint="run the command again when the image can be read",
        )
    image = read[0].image
    wrong = _wrong(recorded, image, expected, any_version=any_version)
    if wrong is not None:
        return Evidence(abandons=wrong, false=True)
    if changed_inputs(recorded.inputs, inputs) or image_inputs(image, expected) == "different":
        if recorded.visible or any(place.name != STORE for place in having):
            raise inputs_changed(digest, recorded.inputs, inputs)
        return Evidence(abandons=_other_inputs(digest))
    return Evidence(digest=digest, sources=tuple(place.name for place in read), image=image)


def _by_the_log(recorded: Recorded, digest: str, inputs: Mapping[str, Any]) -> Evidence:
    """The verdict without a look at the image, which is taken to be where the log has it."""
    if not changed_inputs(recorded.inputs, inputs):
        return Evidence(digest=digest, sources=recorded.pushed or (STORE,))
    if recorded.visible:
        raise inputs_changed(digest, recorded.inputs, inputs)
    return Evidence(abandons=_other_inputs(digest))


def _other_inputs(digest: str) -> str:
    return f"{digest}, which nobody has seen, was built from other inputs"


def _wrong(recorded: Recorded, image: Held, expected: Expectation, *, any_version: bool) -> str | None:
    """The reason why the image is not this release's, or None; build inputs are not compared.

    Raises `RefusedError` if the log says that the release is visible.
    """
    blind = msgspec.structs.replace(expected, inputs=None)
    differs = mismatch(image, blind, any_version=any_version)
    if differs is None:
        return None
    text = f"the version log gives this release {recorded.digest}, which is another image: {differs}"
    if not recorded.visible:
        return text
    raise RefusedError(
        f"{text}; and the log says that the release was pushed",
        hint="somebody changed the log or overwrote an image: `shipmark log verify --registry` shows which."
        " Release this commit under a version of its own",
    )


def inputs_changed(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> InputsChanged:
    """The error for changed build inputs: names the first input that differs from the log, or the inputs label."""
    changed = changed_inputs(before, now)
    if changed:
        name = changed[0]
        text = (
            f"this release became visible with another `{name}`: "
            f"{_show(before.get(name))} then, {_show(now.get(name))} now"
        )
        return InputsChanged(text, hint="restore it, or give the change a version of its own")
    return InputsChanged(
        f"{what} is this version of this commit, built from other inputs: its label `{INPUTS}` differs",
        hint="two builds need two names: give this one a version, tags (`flavor: suffix=-fat`) or a repository of"
        " its own",
    )


def _show(value: Any) -> str:
    return "nothing" if value is None else f"`{msgspec.json.encode(value).decode()}`"
