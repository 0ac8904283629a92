"""The builder `layers`: images from files alone, in this process, without a daemon and without `RUN`.

Equal files, Dockerfile, arguments and time give equal bytes: entries are ordered by the bytes of their paths, with
one time, numeric owners and modes from the executable bit, and JSON is canonical. The layers' diff ids are equal
everywhere, the digest where the compression library is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build import BuildRequest, BuiltImage
from release.build.context import open_context, walk
from release.build.dockerfile.instructions import Dockerfile
from release.build.embedded.archives import BuildFiles
from release.build.embedded.obstacles import needed_stages
from release.build.embedded.stages import Layer, StageImage, build_stages
from release.build.result import built_image
from release.compression.codecs import codec_named
from release.compression.compress import CompressedLayer, compress_layer
from release.compression.tar_stream import counted, stream, tar_chunks
from release.control import Cancel
from release.errors import BuildError
from release.events import Note, Sink
from release.layout.adopt import put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, config_document, image_index, image_manifest, parse_platform

DEFAULT_PLATFORM = "linux/amd64"  # a constant: the building machine must not change what is built


class LayersBuilder:
    """Builds images `FROM scratch`. `version`: of shipmark, recorded as the tool."""

    name = "layers"

    def __init__(self, *, sink: Sink, cancel: Cancel, version: str) -> None:
        self._sink = sink
        self._cancel = cancel
        self._version = version

    def unavailable(self, request: BuildRequest) -> str | None:
        """The first thing in the Dockerfile that this builder cannot do, with its line."""
        try:
            context = open_context(request)
            for platform in _platforms(request):
                needed_stages(context.dockerfile, request.stage, request.args, platform)
        except BuildError as error:
            return error.message
        return None

    def build(self, request: BuildRequest, store: str) -> BuiltImage:
        """Build for every platform; more than one gives an index. Raises `BuildError`."""
        context = open_context(request)
        platforms = _platforms(request)
        for platform in platforms:
            needed_stages(context.dockerfile, request.stage, request.args, platform)
        self._warn_of_unused(context.dockerfile, request.args)
        files = walk(context, check=self._cancel.check)
        layout = Layout(store)
        compressed: dict[Layer, CompressedLayer] = {}
        images = []
        with BuildFiles(store, check=self._cancel.check) as looked_into:
            for platform in platforms:
                image = build_stages(
                    context.dockerfile,
                    files,
                    target=request.stage,
                    platform=platform,
                    given=request.args,
                    files=looked_into,
                )
                _require_files(context.dockerfile, image)
                images.append((platform, self._write(request, platform, image, layout, compressed)))
        top = images[0][1]
        if len(images) > 1:
            top = image_index(images, request.annotations)
            with translated():
                layout.put_manifest(top)
        return built_image(top, images, {"shipmark": self._version})

    def _write(
        self,
        request: BuildRequest,
        platform: Platform,
        image: StageImage,
        layout: Layout,
        compressed: dict[Layer, CompressedLayer],
    ) -> Manifest:
        """One platform's layers, config and manifest, in this order. `compressed`: layers that platforms share."""
        for layer in image.layers:
            if layer not in compressed:
                compressed[layer] = self._compress(layer, layout, request)
        layers = [compressed[layer] for layer in image.layers]
        labelled = msgspec.structs.replace(image.config, labels={**image.config.labels, **request.labels})
        config = config_document(
            labelled,
            platform,
            diff_ids=[layer.diff_id for layer in layers],
            history=image.history,
            created=request.created,
        )
        described, manifest = image_manifest(
            config, [layer.descriptor for layer in layers], request.annotations
        )
        with translated():
            put_bytes(layout, described, config)
            layout.put_manifest(manifest)
        return manifest

    def _compress(self, layer: Layer, layout: Layout, request: BuildRequest) -> CompressedLayer:
        codec = codec_named(request.compression)
        chunks = tar_chunks(layer, mtime=request.created, check=self._cancel.check)
        with translated(), stream(counted(chunks, "layer", self._sink)) as source:
            return compress_layer(source, layout, codec=codec, check=self._cancel.check)

    def _warn_of_unused(self, dockerfile: Dockerfile, given: Mapping[str, str]) -> None:
        declared = {name for each in dockerfile.instructions for name in getattr(each, "names", ())}
        for name in sorted(set(given) - declared):
            self._sink.emit(
                Note(
                    level="warning",
                    text=f"the build argument `{name}` is declared nowhere in `{dockerfile.name}`",
                    hint=f"write `ARG {name}` in the stage that uses it, or remove it from `build: {{args: …}}`",
                )
            )


def _platforms(request: BuildRequest) -> tuple[Platform, ...]:
    return tuple(dict.fromkeys(parse_platform(text) for text in request.platforms or (DEFAULT_PLATFORM,)))


def _require_files(dockerfile: Dockerfile, image: StageImage) -> None:
    # Allowed by the specification, refused by daemons and some registries.
    if not image.layers:
        raise BuildError(
            f"the image of `{dockerfile.name}` would hold no file", hint="`COPY` something into it"
        )
