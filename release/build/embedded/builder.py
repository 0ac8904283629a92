"""The builder `layers`: images from files and base images, in this process, without a daemon and without `RUN`.

Equal files, Dockerfile, arguments and time give equal bytes: entries are sorted by the bytes of their paths, have one
time, numeric owners, and modes from the executable bit; JSON has one form. Diff ids are equal on every machine, digests
where the compression library is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.context.contexts import Contexts
from release.build.context.layer_names import require_storable
from release.build.context.reach import reach_of
from release.build.embedded.base_config import read_triggers
from release.build.embedded.bases import Base, Bases
from release.build.embedded.named_sources import NamedSources
from release.build.embedded.obstacles import (
    USE_DOCKER,
    ImageUse,
    needed_images,
    needed_stages,
    require_supported,
)
from release.build.embedded.programs import read_allowed
from release.build.embedded.read_contexts import read_named_sources
from release.build.ignore import Ignore
from release.build.task_input import (
    TaskInput,
    read_input,
    require_layer,
    require_no_windows,
    require_options,
)
from release.compression import Watch
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable
from release.events import Sink
from release.oci.image_json import ImageConfig, Platform, parse_platform

if TYPE_CHECKING:
    from release.build.embedded.building import Building

DEFAULT_PLATFORM = "linux/amd64"  # constant: the result must not depend on the machine that builds


#: The base images of one platform's build.
Found = Mapping[ImageUse, Base]


class LayersBuilder:
    """Builds images from files.

    `version`: of shipmark, recorded as the tool; `bases`: finds base images; None: no base image may be read.
    `contexts`: reads contexts for all builders.
    """

    name = "layers"

    def __init__(
        self,
        *,
        sink: Sink,
        cancel: Cancel,
        version: str,
        bases: Bases | None = None,
        contexts: Contexts | None = None,
    ) -> None:
        self._sink = sink
        self._cancel = cancel
        self._version = version
        self._bases = bases
        self._contexts = contexts

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Read the input and the manifests of base images; refuse what this builder does not support."""
        try:
            contexts = self._contexts or Contexts(sink=self._sink, cancel=self._cancel)
            read = read_input(task, values, contexts)
            allowed = read_allowed(task.spec.foreign_binaries)
            named = read_named_sources(task, read.context.dockerfile, self._cancel.check)
        except BuildError as error:
            return Problem.of("input", error)
        platforms = tuple(dict.fromkeys(read.platforms)) or (parse_platform(DEFAULT_PLATFORM),)
        read = msgspec.structs.replace(read, platforms=platforms)
        try:
            require_options(task.spec, self.name)
            require_no_windows(read, "the builder `layers`")
            require_layer(read)
            found = {platform: self._find(read, platform, named) for platform in platforms}
        except BuilderUnavailable as error:
            return Problem.of("unavailable", error)
        except BuildError as error:
            return Problem.of("lacks", error)
        return CheckedBuild(
            read, found, allowed, named, sink=self._sink, cancel=self._cancel, version=self._version
        )

    def _find(self, read: TaskInput, platform: Platform, named: NamedSources) -> Found:
        """The bases for `platform`.

        Raises `BuildError` for one whose triggers this builder does not support, and for instructions that are wrong
        with the variables that the bases set.
        """
        dockerfile, target, given = read.context.dockerfile, read.task.spec.target, read.given
        stages = needed_stages(dockerfile, target, given, platform)
        files = read.chosen.files
        require_storable(files, reach_of(dockerfile, target, given, [platform]).through_links(files))
        uses = needed_images(dockerfile, stages, given, platform, named)
        found = {use: self._base(use) for use in uses}
        for use, base in found.items():
            read_triggers(base.settings.on_build, dockerfile, use.line)
        if not found:
            return found
        settings = {(use.name, use.platform): base.settings for use, base in found.items()}

        def settings_of(operand: str, own: Platform) -> ImageConfig | None:
            name = named.behind(operand)
            return settings.get((name, own)) if isinstance(name, str) else None

        require_supported(dockerfile, target, given, platform, settings_of)
        return found

    def _base(self, use: ImageUse) -> Base:
        if self._bases is None:
            raise BuildError(
                f"{use.where}: the builder `layers` reads no base image here (`{use.name}`)",
                hint=f"start `FROM scratch` or from an earlier stage, or {USE_DOCKER}",
            )
        try:
            return self._bases.find(use.name, use.platform)
        except BuildError as error:
            raise type(error)(f"{use.where}: {error.message}", hint=error.hint) from error


class CheckedBuild:
    """A build that `prepare` has checked for this process. `found`: the base images of each platform."""

    builder = LayersBuilder.name
    makes_index = False

    def __init__(
        self,
        read: TaskInput,
        found: Mapping[Platform, Found],
        allowed: Ignore,
        named: NamedSources,
        *,
        sink: Sink,
        cancel: Cancel,
        version: str,
    ) -> None:
        self.read = read
        self.found = found
        self.allowed = allowed
        self.named = named
        self.sink = sink
        self.cancel = cancel
        self.version = version
        self._watch: Watch | None = None
        self._building: Building | None = None

    def watch(self, watch: Watch) -> None:
        """Have `watch` follow the layers that the next build compresses."""
        self._watch = watch

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for `platform`; None: for the task's only platform. Raises `BuildError`."""
        from release.build.embedded.building import Building  # imported late: `preview` only prepares

        if self._building is None:
            self._building = Building(self)
        return self._building.build(store, platform, self._watch)

    def close(self) -> None:
        """Remove temporary files, and forget the layers."""
        if self._building is not None:
            self._building.close()
