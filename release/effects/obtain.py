"""Builds the image of a release, after a check that a builder can. `find.py` finds an image that exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from release.build import BuiltImage, Prepared
from release.build.assemble import build_whole
from release.build.auto import Choice
from release.build_spec import BuildSpec
from release.control import Cancel
from release.effects.ahead import Ahead, following
from release.effects.image_bindings import (
    image_bindings,
    part_bindings,
    within_bindings,
)
from release.effects.local_store import Sources
from release.effects.tag_reader import TagReader
from release.errors import BuildError, InputsChanged, ReleaseError
from release.events import Note, Sink
from release.handler import Work
from release.hints import NAMES_PLATFORM
from release.plan.evidence import STORE
from release.plan.model import Bindings, Done, Free, Judgement, Slot, plain
from release.plan.operands import BuildImage, builder_of, part_of
from release.plan.ownership import accepts_platform, several_platforms
from release.ref_names import is_commit
from release.tagging.labels import INPUTS, REVISION, VERSION
from release.tagging.model import Held
from release.transfer.copy import copy_image

_DEFAULTS = msgspec.structs.asdict(BuildSpec())

#: By component, the chosen builder with its prepared build, or the error that says why there is none.
Builds = Mapping[str, Choice | ReleaseError]


class Build:
    """The handler of `build-image` steps: runs the build that was prepared before the plan was made.

    `changed`: gives the tracked files that differ from a commit.
    """

    kind = BuildImage

    def __init__(
        self,
        builds: Builds,
        sources: Sources,
        tags: TagReader,
        sink: Sink,
        *,
        cancel: Cancel,
        ahead: Ahead | None = None,
        changed: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self._builds = builds
        self._sources = sources
        self._store = sources.store
        self._tags = tags
        self._sink = sink
        self._cancel = cancel
        self._ahead = ahead
        self._changed = changed

    def describe(self, operands: BuildImage) -> str:
        """One line for the preview: what is built, with which builder, and why `auto` took no other."""
        spec = {**_DEFAULTS, **operands.spec}
        asked = spec["platforms"] if operands.platform is None else [operands.platform]
        platforms = f" for {', '.join(asked)}" if asked else ""
        builder = spec["builder"] if operands.builder is None else f"{spec['builder']}: {operands.builder}"
        answer = self._builds.get(operands.component)
        passed_over = answer.passed_over if isinstance(answer, Choice) else ()
        reasons = "".join(f"; `{name}`: {problem.reason}" for name, problem in passed_over)
        pushed = "" if operands.place is None else f", which pushes it to {operands.place} by digest"
        return f"build `{spec['dockerfile']}` in `{spec['context']}`{platforms} ({builder}{pushed}{reasons})"

    def observe(self, work: Work[BuildImage]) -> str | None:
        """The digest of the image that this run built, if the store or target that should have it does; else None."""
        image = work.operands.image
        if isinstance(image, Slot):
            return None
        found = self._sources.open(_place(work.operands)).resolve(image)
        return found.digest if found is not None else None

    def judge(self, work: Work[BuildImage], seen: str | None) -> Judgement:
        """Free until this run has built the image, and the store or target that should have the image has it."""
        if seen is None:
            return Free(reason=self.describe(work.operands))
        return Done(reason=f"built {seen}")

    def act(self, work: Work[BuildImage], seen: str | None) -> Bindings:
        """Build the image into its place; binds its digest and description.

        Raises `BuildError`, `RegistryError`, and `InputsChanged` if tracked files differ from the commit afterwards.
        """
        del seen
        operands = work.operands
        prepared = _choice(self._builds, operands).prepared
        if operands.builder is not None:
            self._sink.emit(Note(level="info", text=f"building with `{prepared.builder}`"))
        with following(self._ahead, operands.component, prepared):
            bindings = self._built(operands, prepared)
        # The files were compared with the commit when the plan was made, and read by the builder since then.
        if self._changed is not None and is_commit(operands.labels.get(REVISION, "")):
            _require_unchanged(operands.labels[REVISION], self._changed)
        return bindings

    def _built(self, operands: BuildImage, prepared: Prepared) -> Bindings:
        if operands.platform is not None:
            return self._one_platform(operands, operands.platform, prepared)
        platforms = several_platforms(operands.spec.get("platforms", ()))
        built = build_whole(prepared, self._store.path, platforms, operands.spec.get("annotations", {}))
        self._accept(built, operands)
        top = self._sources.open(_place(operands)).manifest(built.digest)
        return image_bindings(operands.component, built).with_value(
            builder_of(operands.component), prepared.builder
        ) | within_bindings(
            operands.component, platforms, top, builder=prepared.builder, context=plain(built.context)
        )

    def _one_platform(self, operands: BuildImage, platform: str, prepared: Prepared) -> Bindings:
        built = prepared.build(self._store.path, platform)
        found = self._accept(built, operands)
        if not any(accepts_platform(platform, each) for each in found.platforms):
            raise BuildError(
                f"the builder left an image for {', '.join(found.platforms)} where `{platform}` was asked for",
                hint=NAMES_PLATFORM,
            )
        return part_bindings(
            part_of(operands.component, platform),
            built.digest,
            builder=prepared.builder,
            context=plain(built.context),
            tools=built.tools,
        )

    def _accept(self, built: BuiltImage, operands: BuildImage) -> Held:
        """The labels of the built image.

        Raises `BuildError` if a later run would not recognise the image by its labels.
        """
        if built.pushed_to is None:
            self._store.mark_used(built.digest)
        place = self._sources.open(_place(operands))
        if operands.place is not None and built.pushed_to is None:
            # The builder was to push the image, and could not: later steps expect it on the target.
            copy_image(self._store.open(), place, built.digest, sink=self._sink, cancel=self._cancel)
        found = self._tags.read(place, _place(operands), built.digest, every=True)
        _require_labelled(found, operands)
        return found


def _place(operands: BuildImage) -> str:
    """The name of the repository that has the image after the build."""
    return STORE if operands.place is None else operands.place


def _choice(builds: Builds, operands: BuildImage) -> Choice:
    """The builder that was chosen for the component. Raises the stored error if no builder was chosen."""
    answer = builds[operands.component]
    if isinstance(answer, Choice):
        return answer
    raise answer


def _require_unchanged(commit: str, changed: Callable[[str], Sequence[str]]) -> None:
    """Raise `InputsChanged` if tracked files differ from `commit`, of which the image is to be."""
    paths = changed(commit)
    if paths:
        shown = ", ".join(f"`{path}`" for path in paths[:3])
        rest = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        raise InputsChanged(
            f"files changed during the build, and differ from commit {commit[:12]}: {shown}{rest}",
            hint="restore them and run again; let nothing write to the clone or check out a commit during a run",
        )


def _require_labelled(image: Held, operands: BuildImage) -> None:
    """Raise `BuildError` unless the built image has the labels by which a later run would recognise it."""
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
    """The handler of `check-builder` steps: fails, before anything is recorded, if no builder can build the image."""

    kind = BuildImage

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    def describe(self, operands: BuildImage) -> str:
        """The line that `preview` prints for the step."""
        return f"check that `{operands.builds_with or 'auto'}` can build this"

    def observe(self, work: Work[BuildImage]) -> bool:
        """Raise the error with which the choice of a builder failed, before the plan was made.

        True if a builder was chosen. False if none was looked for (`preview --offline`), and the input that every
        builder reads is sound.
        """
        if work.operands.component not in self._builds:
            return False
        _choice(self._builds, work.operands)
        return True

    def judge(self, work: Work[BuildImage], seen: bool) -> Judgement:
        """Done: `observe` raises if no builder can build the image. Free if none was chosen."""
        if not seen:
            return Free(reason=f"{self.describe(work.operands)} (builder not asked)")
        return Done(reason="it can")
