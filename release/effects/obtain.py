"""Come by the image: build it, or find it where an earlier run or the branch build left it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from release.build import BuildRequest, BuiltImage, PlatformImage
from release.build.context import open_context
from release.errors import BuilderUnavailable, NotFound, RegistryError
from release.plan.model import Done, Free, Judgement, Slot, Step, plain
from release.plan.obtain import STORE
from release.plan.operands import BuildImage, FindImage
from release.registry import Manifest, Repository
from release.registry.codecs import codec_named
from release.registry.documents import children
from release.registry.inspect import image_facts, platform_of
from release.registry.layout import Layout
from release.world import World


def place(world: World, name: str) -> Repository:
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
        found = place(world, STORE).resolve(image)
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
        return {
            **image_bindings(operands.component, built),
            f"builder:{operands.component}": built.builder or operands.spec.builder,
        }


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


class Find:
    """`find-image`: resume, adopt or reuse."""

    def describe(self, step: Step) -> str:
        """One line for the preview."""
        operands = cast(FindImage, step.operands)
        return f"{operands.mode} {operands.digest}: {operands.reason}"

    def observe(self, step: Step, world: World) -> BuiltImage:
        """The image as the first of its places that answers describes it."""
        operands = cast(FindImage, step.operands)
        trouble: RegistryError = NotFound(f"no place is known that has {operands.digest}")
        for name in operands.sources:
            try:
                return built_image(place(world, name), operands.digest)
            except RegistryError as error:
                trouble = error
        raise trouble

    def judge(self, step: Step, bindings: Mapping[str, Any], observation: BuiltImage) -> Judgement:
        """Done, since a place has it."""
        del bindings
        operands = cast(FindImage, step.operands)
        return Done(
            reason=f"{operands.mode}: {operands.reason}",
            bindings=image_bindings(operands.component, observation),
        )

    def act(self, step: Step, bindings: Mapping[str, Any], world: World) -> Mapping[str, Any]:
        """Nothing to do: an image is found or it is not."""
        raise NotImplementedError(step.id)


def built_image(repository: Repository, digest: str) -> BuiltImage:
    """An image that exists, described as a build would describe it. Raises `NotFound`."""
    manifest = repository.manifest(digest)
    return BuiltImage(
        digest=manifest.digest,
        media_type=manifest.media_type,
        size=len(manifest.raw),
        platforms=platform_images(repository, manifest),
    )


def platform_images(repository: Repository, manifest: Manifest) -> tuple[PlatformImage, ...]:
    """What the image holds per platform; attestations, which are for no platform, are left out."""
    if not manifest.is_index:
        found = image_facts(repository, manifest.digest)
        names = found.platforms if found is not None else ()
        return tuple(
            PlatformImage(platform=name, digest=manifest.digest, size=len(manifest.raw)) for name in names
        )
    return tuple(
        PlatformImage(platform=name, digest=child.digest, size=child.size)
        for child in children(manifest)
        if (name := platform_of(child)) is not None
    )
