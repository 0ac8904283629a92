"""Come by the image: build it, or find it where an earlier run or the branch build left it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build import BuiltImage, PlatformImage
from release.build.auto import Choice
from release.build_spec import BuildSpec
from release.effects.local_store import ContentStore, Sources
from release.effects.tag_reader import TagReader
from release.errors import BuildError, NotFound, RegistryError, ReleaseError
from release.events import Note, Sink
from release.handler import Work
from release.oci import ImageFacts, Manifest, Repository
from release.oci.image_config import manifest_facts, platform_of
from release.oci.manifest import children
from release.plan.evidence import STORE
from release.plan.model import Bindings, Conflict, Done, Free, Judgement, Slot, binding, plain
from release.plan.operands import BuildImage, FindImage, builder_of, built_of, image_of, tools_of
from release.tagging.labels import INPUTS, REVISION, VERSION, held_image
from release.tagging.model import Held

_DEFAULTS = msgspec.structs.asdict(BuildSpec())

#: By component, the builder that was taken with its prepared build, or the error that says why there is none.
Builds = Mapping[str, Choice | ReleaseError]


class Build:
    """`build-image`: builds what was prepared before the plan was made."""

    kind = BuildImage

    def __init__(self, builds: Builds, store: ContentStore, tags: TagReader, sink: Sink) -> None:
        self._builds = builds
        self._store = store
        self._tags = tags
        self._sink = sink

    def describe(self, operands: BuildImage) -> str:
        """One line for the preview: what is built, with which builder, and why `auto` took no other."""
        spec = {**_DEFAULTS, **operands.spec}
        platforms = f" for {', '.join(spec['platforms'])}" if spec["platforms"] else ""
        builder = spec["builder"] if operands.builder is None else f"{spec['builder']}: {operands.builder}"
        answer = self._builds.get(operands.component)
        passed_over = answer.passed_over if isinstance(answer, Choice) else ()
        reasons = "".join(f"; `{name}`: {problem.reason}" for name, problem in passed_over)
        return f"build `{spec['dockerfile']}` in `{spec['context']}`{platforms} ({builder}{reasons})"

    def observe(self, work: Work[BuildImage]) -> str | None:
        """The digest in the local store, once one is bound and complete."""
        image = work.operands.image
        if isinstance(image, Slot):
            return None
        found = self._store.open().resolve(image)
        return found.digest if found is not None else None

    def judge(self, work: Work[BuildImage], seen: str | None) -> Judgement:
        """Free until the store has the image that this run built."""
        if seen is None:
            return Free(reason=self.describe(work.operands))
        return Done(reason=f"built {seen}")

    def act(self, work: Work[BuildImage], seen: str | None) -> Bindings:
        """Build into the local store; binds the digest and what the image is."""
        del seen
        operands = work.operands
        prepared = _choice(self._builds, operands).prepared
        if operands.builder is not None:
            self._sink.emit(Note(level="info", text=f"building with `{prepared.builder}`"))
        built = prepared.build(self._store.path)
        self._store.mark_used(built.digest)
        _require_labelled(self._tags.read(self._store.open(), STORE, built.digest, every=True), operands)
        return image_bindings(operands.component, built).with_value(
            builder_of(operands.component), prepared.builder
        )


def _choice(builds: Builds, operands: BuildImage) -> Choice:
    """The builder that was taken. Raises the error that says why there is none."""
    answer = builds[operands.component]
    if isinstance(answer, Choice):
        return answer
    raise answer


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


class BuilderCheck:
    """`check-builder`: the builder answers and can make this image; asked before anything is recorded."""

    kind = BuildImage

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    def describe(self, operands: BuildImage) -> str:
        """One line for the preview."""
        return f"check that `{operands.builds_with or 'auto'}` can build this"

    def observe(self, work: Work[BuildImage]) -> None:
        """Raise what the builder answered before the plan was made, where it cannot build this."""
        _choice(self._builds, work.operands)

    def judge(self, work: Work[BuildImage], seen: None) -> Judgement:
        """Done, since nothing was raised."""
        del work, seen
        return Done(reason="it can")


def image_bindings(component: str, built: BuiltImage) -> Bindings:
    """What later steps and records need of an image."""
    described = plain(built)
    tools = described.pop("tools", {})
    return (
        binding(image_of(component), built.digest)
        .with_value(built_of(component), described)
        .with_value(tools_of(component), tools)
    )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An image at a place. `said`: what it says of itself, read from its verified bytes."""

    image: BuiltImage
    said: Held


class Find:
    """`find-image`: resume, adopt or reuse. An image is found or it is not, so this is a check."""

    kind = FindImage

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self, operands: FindImage) -> str:
        """One line for the preview."""
        return f"{operands.mode} {operands.digest}: {operands.reason}"

    def observe(self, work: Work[FindImage]) -> Found:
        """The image as the first of its places that answers describes it."""
        digest = work.operands.digest
        trouble: RegistryError = NotFound(f"no place is known that has {digest}")
        for name in work.operands.sources:
            try:
                found = find_image(self._sources.open(name), name, digest)
            except RegistryError as error:
                trouble = error
                continue
            if name == STORE:
                self._sources.store.mark_used(digest)
            return found
        raise trouble

    def judge(self, work: Work[FindImage], seen: Found) -> Judgement:
        """Done, since a place has the image that was judged while planning."""
        operands = work.operands
        if operands.said is not None and not _says_the_same(operands.said, seen.said):
            return Conflict(
                reason=f"{operands.digest} on `{seen.said.target}` is not the image that was planned with",
                hint="run it again: what is there is judged anew",
            )
        bindings = image_bindings(operands.component, seen.image)
        return Done(reason=f"{operands.mode}: {operands.reason}", bindings=bindings)


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
