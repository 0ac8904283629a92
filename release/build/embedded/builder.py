"""The builder `layers`: images from files and base images, in this process, without a daemon and without `RUN`.

Equal files, Dockerfile, arguments and time give equal bytes: entries are sorted by the bytes of their paths, have one
time, numeric owners, and modes from the executable bit; JSON has one form. Diff ids are equal on every machine, digests
where the compression library is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.context.contexts import Contexts
from release.build.context.digest import SharedHashing
from release.build.context.layer_names import require_storable
from release.build.context.reach import reach_of
from release.build.dockerfile.instructions import Dockerfile
from release.build.embedded.archives import BuildFiles
from release.build.embedded.base_config import BaseLayer, read_triggers
from release.build.embedded.base_tree import base_tree
from release.build.embedded.bases import Base, Bases
from release.build.embedded.layer_writer import LayerWriter
from release.build.embedded.named_sources import NamedSources
from release.build.embedded.obstacles import USE_DOCKER, ImageUse, needed_images, needed_stages
from release.build.embedded.programs import read_allowed
from release.build.embedded.read_contexts import read_named_sources
from release.build.embedded.stage_image import Images, StageImage, image_on
from release.build.embedded.stages import build_stages
from release.build.ignore import Ignore
from release.build.result import built_image
from release.build.task_input import COMMON, TaskInput, read_input, require_options
from release.compression import Watch
from release.compression.compress import CompressedLayer
from release.compression.entries import HostFile
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable
from release.events import Note, Sink
from release.layout.adopt import put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, config_document, image_manifest, parse_platform

OPTIONS = COMMON | {"contexts"}
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
            require_options(task.spec, self.name, OPTIONS)
            found = {platform: self._find(read, platform, named) for platform in platforms}
        except BuilderUnavailable as error:
            return Problem.of("unavailable", error)
        except BuildError as error:
            return Problem.of("lacks", error)
        return _Prepared(
            read, found, allowed, named, sink=self._sink, cancel=self._cancel, version=self._version
        )

    def _find(self, read: TaskInput, platform: Platform, named: NamedSources) -> Found:
        """The bases for `platform`; raises `BuildError` for one whose triggers this builder does not support."""
        dockerfile, target, given = read.context.dockerfile, read.task.spec.target, read.values.args
        stages = needed_stages(dockerfile, target, given, platform)
        require_storable(read.chosen.files, reach_of(dockerfile, target, given, [platform]))
        uses = needed_images(dockerfile, stages, given, platform, named)
        found = {use: self._base(use) for use in uses}
        for use, base in found.items():
            read_triggers(base.on_build, dockerfile, use.line)
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


class _Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Objects that the builds of several platforms share. `files`: unpacked archives, and files of bases."""

    layout: Layout
    files: BuildFiles
    writer: LayerWriter


class _Prepared:
    """A prepared build without a daemon. `found`: the base images of each platform.

    Layers that platforms share, unpacked archives and the context's digest are made once.
    """

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
        self._read = read
        self._found = found
        self._sink = sink
        self._cancel = cancel
        self._version = version
        self._allowed = allowed
        self._named = named
        self._context = SharedHashing(read.chosen, cancel)
        self._missing = set(read.platforms)
        self._tools: _Tools | None = None
        self._watch: Watch | None = None
        self._held = ExitStack()

    def watch(self, watch: Watch) -> None:
        """Have `watch` follow the layers that the next build compresses."""
        self._watch = watch

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for `platform`; None: for the task's only platform. Raises `BuildError`."""
        chosen = self._chosen(platform)
        dockerfile = self._read.context.dockerfile
        tools = self._opened(store)
        tools.writer.watch = self._watch
        image = build_stages(
            dockerfile,
            self._read.chosen.files,
            target=self._read.task.spec.target,
            platform=chosen,
            given=self._read.values.args,
            files=tools.files,
            images=self._load(self._found[chosen], tools.layout, tools.files),
            named=self._named,
        )
        _require_files(dockerfile, image)
        with self._context.beside(_whole_files(image)) as built_from:
            manifest = self._write(chosen, image, tools)
            context = built_from()
        self._missing.discard(chosen)
        if not self._missing:
            self.close()  # before the push: unpacked archives may be large
        return built_image(manifest, [(chosen, manifest)], {"shipmark": self._version}, context)

    def _chosen(self, platform: str | None) -> Platform:
        if platform is not None:
            return parse_platform(platform)
        if len(self._read.platforms) != 1:
            raise AssertionError("each of several platforms is a build of its own")
        return self._read.platforms[0]

    def _opened(self, store: str) -> _Tools:
        """The objects that all platforms share; made in the first build."""
        if self._tools is None:
            self._warn_of_unused(self._read.context.dockerfile)
            layout = Layout(store)
            writer = LayerWriter(
                layout,
                codec=self._read.codec,
                mtime=self._read.task.created,
                allowed=self._allowed,
                sink=self._sink,
                cancel=self._cancel,
                hashes=self._context.hashes,
            )
            files = self._held.enter_context(BuildFiles(store, check=self._cancel.check))
            self._tools = _Tools(layout=layout, files=files, writer=writer)
        return self._tools

    def close(self) -> None:
        """Remove temporary files, and forget the layers."""
        self._tools = None
        self._held.close()

    def _load(self, found: Found, layout: Layout, files: BuildFiles) -> Images:
        """Bring the layers of the bases into the layout, and list their files."""
        images = {}
        for use, base in found.items():
            text = f"{use.where}: the base `{use.name}` is `{base.origin}` for `{use.platform}`"
            self._sink.emit(Note(level="info", text=text))
            loaded = base.load(layout, self._read.codec, self._cancel)
            tree = base_tree(
                loaded.layers,
                layout,
                name=use.name,
                spool=files.spool if use.is_copied else None,
                check=self._cancel.check,
            )
            config = loaded.config
            images[use.name, str(use.platform)] = image_on(config.config, loaded.layers, config.history, tree)
        return images

    def _write(self, platform: Platform, image: StageImage, tools: _Tools) -> Manifest:
        """Write one platform's layers, config and manifest."""
        layers: list[CompressedLayer | BaseLayer] = [*image.below]
        for layer in image.layers:
            written = tools.writer.write(layer)
            written.programs.require(platform)
            layers.append(written.compressed)
        labelled = msgspec.structs.replace(
            image.config, labels={**image.config.labels, **self._read.task.labels}
        )
        config = config_document(
            labelled,
            platform,
            diff_ids=[layer.diff_id for layer in layers],
            history=image.history,
            created=self._read.task.created,
        )
        described, manifest = image_manifest(
            config, [layer.descriptor for layer in layers], self._read.task.annotations
        )
        with translated():
            put_bytes(tools.layout, described, config)
            tools.layout.put_manifest(manifest)
        return manifest

    def _warn_of_unused(self, dockerfile: Dockerfile) -> None:
        declared = {name for each in dockerfile.instructions for name in getattr(each, "names", ())}
        for name in sorted(set(self._read.values.args) - declared):
            self._sink.emit(
                Note(
                    level="warning",
                    text=f"the build argument `{name}` is declared nowhere in `{dockerfile.name}`",
                    hint=f"write `ARG {name}` in the stage that uses it, or remove it from `build: {{args: …}}`",
                )
            )


def _whole_files(image: StageImage) -> set[HostFile]:
    """The files on disk that the layers read whole."""
    contents = (node.content for layer in image.layers for _, node in layer)
    return {each for each in contents if isinstance(each, HostFile) and each.offset is None}


def _require_files(dockerfile: Dockerfile, image: StageImage) -> None:
    # The image specification allows images without layers; daemons and some registries refuse them.
    if not image.layers and not image.below:
        raise BuildError(
            f"the image of `{dockerfile.name}` would contain no file",
            hint="add a `COPY` of at least one file",
        )
