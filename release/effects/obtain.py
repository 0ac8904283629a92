"""Come by the image: build it, or find it where an earlier run or the branch build left it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import msgspec

from release.build import BuildRequest, BuiltImage, PlatformImage
from release.build.context import open_context
from release.compression.codecs import codec_named
from release.effects.tag_reader import read_tag
from release.errors import BuildError, BuilderUnavailable, NotFound, RegistryError
from release.handler import World
from release.layout.layout import Layout
from release.oci import ImageFacts, Manifest, Repository
from release.oci.graph import blobs_of, read_manifests
from release.oci.image_config import manifest_facts, platform_of
from release.oci.manifest import children
from release.plan.evidence import STORE
from release.plan.model import Conflict, Done, Free, Judgement, Slot, Step, plain
from release.plan.operands import BuildImage, FindImage
from release.tagging.labels import INPUTS, REVISION, VERSION, held_image
from release.tagging.model import Held


def open_source(world: World, name: str) -> Repository:
    """The repository behind a place of a plan: a target, or the local store."""
    return Layout(world.store) if name == STORE else world.registries.open(name)


class Build:
    """`build-image`. `arguments`: build-argument values per component, which no plan or record holds."""

    def __init__(self, arguments: Mapping[str, Mapping[str, str]]) -> None:
        self._arguments = arguments

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(BuildImage, step.operands)
        platforms = f" for {', '.join(operands.spec.platforms)}" if operands.spec.platforms else ""
        return f"build `{operands.spec.dockerfile}` in `{operands.spec.context}`{platforms} ({operands.spec.builder})"

    def observe(self, step: Step, world: World) -> str | None:
        """The digest in the local store, once one is bound and complete."""
        image = cast(BuildImage, step.operands).image
        if isinstance(image, Slot):
            return None
        found = open_source(world, STORE).resolve(image)
        return found.digest if found is not None else None

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: str | None) -> Judgement:
        """Free until the store has the image that this run built."""
        del bindings
        if observation is None:
            return Free(reason=self.describe(step))
        return Done(reason=f"built {observation}")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Build into the local store; binds the digest and what the image is."""
        del bindings
        operands = cast(BuildImage, step.operands)
        request = build_request(operands, self._arguments.get(operands.component, {}), world)
        built = world.builders[operands.spec.builder].build(request, world.store)
        mark_used(world.store, built.digest)
        _require_labelled(read_tag(open_source(world, STORE), STORE, built.digest, every=True), operands)
        return {
            **image_bindings(operands.component, built),
            f"builder:{operands.component}": built.builder or operands.spec.builder,
        }


def _require_labelled(image: Held, operands: BuildImage) -> None:
    """Raise `BuildError` unless the image that a builder left says of itself what the next run will look for."""
    expected = {name: operands.labels.get(name) for name in (REVISION, VERSION, INPUTS)}
    said = {REVISION: image.revision, VERSION: image.version, INPUTS: image.inputs}
    wrong = [name for name, text in expected.items() if text is not None and said[name] != text]
    if wrong or image.disputed:
        names = ", ".join(f"`{name}`" for name in (*wrong, *image.disputed))
        raise BuildError(
            f"the builder left {image.digest} without the right {names}",
            hint="a label of shipmark was overwritten while the image was built: take another builder",
        )


def build_request(operands: BuildImage, arguments: Mapping[str, str], world: World) -> BuildRequest:
    """The operands with absolute paths, and the argument values that only the builder may see."""
    spec = operands.spec
    return BuildRequest(
        context=os.path.normpath(os.path.join(world.root, spec.context)),
        dockerfile=os.path.normpath(os.path.join(world.root, spec.dockerfile)),
        root=world.root,
        stage=spec.stage,
        platforms=spec.platforms,
        args=arguments,
        labels=operands.labels,
        annotations=spec.annotations,
        created=operands.created,
        compression=spec.compression,
    )


def mark_used(path: str, digest: str) -> None:
    """Set the times of an image's blobs to now: the cache's size limit deletes the ones that were not used longest."""
    store = Layout(path)
    with suppress(OSError, RegistryError):
        manifests = read_manifests(store, digest)
        blobs = [blob.digest for blob in blobs_of(manifests)]
        for name in (*blobs, *(manifest.digest for manifest in manifests)):
            os.utime(store.blob_path(name), follow_symlinks=False)


class BuilderCheck:
    """`check-builder`: the builder answers and can make this image; asked before anything is recorded."""

    def __init__(self, arguments: Mapping[str, Mapping[str, str]]) -> None:
        self._arguments = arguments

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        return f"check that `{cast(BuildImage, step.operands).spec.builder}` can build this"

    def observe(self, step: Step, world: World) -> None:
        """Raise `BuilderUnavailable` with the reason, or what is wrong with the input."""
        operands = cast(BuildImage, step.operands)
        request = build_request(operands, self._arguments.get(operands.component, {}), world)
        open_context(request)
        codec_named(request.compression)
        reason = world.builders[operands.spec.builder].unavailable(request)
        if reason is not None:
            raise BuilderUnavailable(reason, hint="`builder: auto` takes whichever builder can do it")

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: None) -> Judgement:
        """Done, since nothing was raised."""
        del step, bindings, observation
        return Done(reason="it can")

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Nothing to do: a check never comes out free."""
        raise NotImplementedError(step.id)


def image_bindings(component: str, built: BuiltImage) -> dict[str, Any]:
    """What later steps and records need of an image."""
    described = plain(built)
    tools = described.pop("tools", {})
    described.pop("builder", None)
    return {f"image:{component}": built.digest, f"built:{component}": described, f"tools:{component}": tools}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An image at a place. `said`: what it says of itself, read from its verified bytes."""

    image: BuiltImage
    said: Held


class Find:
    """`find-image`: resume, adopt or reuse."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(FindImage, step.operands)
        return f"{operands.mode} {operands.digest}: {operands.reason}"

    def observe(self, step: Step, world: World) -> Found:
        """The image as the first of its places that answers describes it."""
        operands = cast(FindImage, step.operands)
        trouble: RegistryError = NotFound(f"no place is known that has {operands.digest}")
        for name in operands.sources:
            try:
                found = find_image(open_source(world, name), name, operands.digest)
            except RegistryError as error:
                trouble = error
                continue
            if name == STORE:
                mark_used(world.store, operands.digest)
            return found
        raise trouble

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: Found) -> Judgement:
        """Done, since a place has the image that was judged while planning."""
        del bindings
        operands = cast(FindImage, step.operands)
        if operands.said is not None and not _says_the_same(operands.said, observation.said):
            return Conflict(
                reason=f"{operands.digest} on `{observation.said.target}` is not the image that was planned with",
                hint="run it again: what is there is judged anew",
            )
        return Done(
            reason=f"{operands.mode}: {operands.reason}",
            bindings=image_bindings(operands.component, observation.image),
        )

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Nothing to do: an image is found or it is not."""
        raise NotImplementedError(step.id)


def find_image(repository: Repository, name: str, digest: str) -> Found:
    """An image that exists, described as a build would describe it. Raises `NotFound`."""
    manifest = repository.manifest(digest)
    facts = manifest_facts(repository, manifest, every=True)
    image = BuiltImage(
        digest=manifest.digest,
        media_type=manifest.media_type,
        size=len(manifest.raw),
        platforms=platform_images(manifest, facts),
    )
    return Found(image=image, said=held_image(name, digest, digest, facts))


def platform_images(manifest: Manifest, facts: ImageFacts) -> tuple[PlatformImage, ...]:
    """What the image holds per platform; attestations, which are for no platform, are left out."""
    if not manifest.is_index:
        return tuple(
            PlatformImage(platform=name, digest=manifest.digest, size=len(manifest.raw))
            for name in facts.platforms
        )
    return tuple(
        PlatformImage(platform=name, digest=child.digest, size=child.size)
        for child in children(manifest)
        if (name := platform_of(child)) is not None
    )


def _says_the_same(one: Held, other: Held) -> bool:
    def said(held: Held) -> tuple[object, ...]:
        return held.digest, held.revision, held.version, held.inputs, frozenset(held.platforms), held.disputed

    return said(one) == said(other)
