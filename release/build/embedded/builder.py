"""The builder `layers`: images from files alone, in this process, without a daemon and without `RUN`.

Equal files, Dockerfile, arguments and time give equal bytes: entries are sorted by the bytes of their paths, have one
time, numeric owners, and modes from the executable bit; JSON has one form. Diff ids are equal on every machine, digests
where the compression library is the same.
"""

from __future__ import annotations

import msgspec

from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.context import walk
from release.build.dockerfile.instructions import Dockerfile
from release.build.embedded.archives import BuildFiles
from release.build.embedded.obstacles import needed_stages
from release.build.embedded.stages import Layer, StageImage, build_stages
from release.build.result import built_image
from release.build.task_input import TaskInput, read_input, require_options
from release.compression.compress import CompressedLayer, compress_layer
from release.compression.tar_stream import counted, stream, tar_chunks
from release.control import Cancel
from release.errors import BuildError
from release.events import Note, Sink
from release.layout.adopt import put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, config_document, image_index, image_manifest, parse_platform

DEFAULT_PLATFORM = "linux/amd64"  # constant: the result must not depend on the machine that builds


class LayersBuilder:
    """Builds images `FROM scratch`. `version`: of shipmark, recorded as the tool."""

    name = "layers"

    def __init__(self, *, sink: Sink, cancel: Cancel, version: str) -> None:
        self._sink = sink
        self._cancel = cancel
        self._version = version

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        """Read the input; refuse a Dockerfile with an instruction or base image that this builder does not support."""
        try:
            read = read_input(task, values)
        except BuildError as error:
            return Problem.of("input", error)
        platforms = tuple(dict.fromkeys(read.platforms)) or (parse_platform(DEFAULT_PLATFORM),)
        try:
            require_options(task.spec, self.name)
            for platform in platforms:
                needed_stages(read.context.dockerfile, task.spec.target, values.args, platform)
        except BuildError as error:
            return Problem.of("lacks", error)
        read = msgspec.structs.replace(read, platforms=platforms)
        return _Prepared(read, sink=self._sink, cancel=self._cancel, version=self._version)


class _Prepared:
    """A prepared build without a daemon."""

    builder = LayersBuilder.name

    def __init__(
        self,
        read: TaskInput,
        *,
        sink: Sink,
        cancel: Cancel,
        version: str,
    ) -> None:
        self._read = read
        self._sink = sink
        self._cancel = cancel
        self._version = version

    def build(self, store: str) -> BuiltImage:
        """Build for every platform; more than one gives an index. Raises `BuildError`."""
        dockerfile = self._read.context.dockerfile
        self._warn_of_unused(dockerfile)
        files = walk(self._read.context, check=self._cancel.check)
        layout = Layout(store)
        compressed: dict[Layer, CompressedLayer] = {}
        images = []
        with BuildFiles(store, check=self._cancel.check) as looked_into:
            for platform in self._read.platforms:
                image = build_stages(
                    dockerfile,
                    files,
                    target=self._read.task.spec.target,
                    platform=platform,
                    given=self._read.values.args,
                    files=looked_into,
                )
                _require_files(dockerfile, image)
                images.append((platform, self._write(platform, image, layout, compressed)))
        top = images[0][1]
        if len(images) > 1:
            top = image_index(images, self._read.task.annotations)
            with translated():
                layout.put_manifest(top)
        return built_image(top, images, {"shipmark": self._version})

    def close(self) -> None:
        """Do nothing: `prepare` keeps no file open."""

    def _write(
        self,
        platform: Platform,
        image: StageImage,
        layout: Layout,
        compressed: dict[Layer, CompressedLayer],
    ) -> Manifest:
        """Write one platform's layers, config and manifest. `compressed`: layers compressed so far, added to here."""
        for layer in image.layers:
            if layer not in compressed:
                compressed[layer] = self._compress(layer, layout)
        layers = [compressed[layer] for layer in image.layers]
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
            put_bytes(layout, described, config)
            layout.put_manifest(manifest)
        return manifest

    def _compress(self, layer: Layer, layout: Layout) -> CompressedLayer:
        chunks = tar_chunks(layer, mtime=self._read.task.created, check=self._cancel.check)
        with translated(), stream(counted(chunks, "layer", self._sink)) as source:
            return compress_layer(source, layout, codec=self._read.codec, check=self._cancel.check)

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


def _require_files(dockerfile: Dockerfile, image: StageImage) -> None:
    # The image specification allows images without layers; daemons and some registries refuse them.
    if not image.layers:
        raise BuildError(
            f"the image of `{dockerfile.name}` would contain no file",
            hint="add a `COPY` of at least one file",
        )
