"""Carries out a build that `builder.py` has checked: executes the stages, and writes layers, config and manifest."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from release.build import BuiltImage
from release.build.context.digest import SharedHashing
from release.build.dockerfile.instructions import Dockerfile
from release.build.embedded.archives import BuildFiles
from release.build.embedded.base_config import BaseLayer
from release.build.embedded.base_tree import base_tree
from release.build.embedded.layer_writer import LayerWriter
from release.build.embedded.stage_image import Images, StageImage, image_on
from release.build.embedded.stages import build_stages
from release.build.result import built_image
from release.build.task_input import no_file
from release.compression import Watch
from release.compression.compress import CompressedLayer
from release.compression.entries import HostFile
from release.events import Note
from release.layout.adopt import put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, config_document, image_manifest, parse_platform

if TYPE_CHECKING:
    from release.build.embedded.builder import CheckedBuild, Found


class _Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Objects that the builds of several platforms share. `files`: unpacked archives, and files of bases."""

    layout: Layout
    files: BuildFiles
    writer: LayerWriter


class Building:
    """The builds of a task's platforms, one after another.

    Layers that platforms share, unpacked archives and the context's digest are made once.
    """

    def __init__(self, checked: CheckedBuild) -> None:
        self._checked = checked
        self._context = SharedHashing(checked.read.chosen, checked.cancel)
        self._missing = set(checked.read.platforms)
        self._tools: _Tools | None = None
        self._held = ExitStack()

    def build(self, store: str, platform: str | None, watch: Watch | None) -> BuiltImage:
        """Build for `platform`; None: for the task's only platform. Raises `BuildError`.

        `watch`: follows the layers that are compressed.
        """
        chosen = self._chosen(platform)
        dockerfile = self._checked.read.context.dockerfile
        tools = self._opened(store)
        tools.writer.watch = watch
        image = build_stages(
            dockerfile,
            self._checked.read.chosen.files,
            target=self._checked.read.task.spec.target,
            platform=chosen,
            given=self._checked.read.given,
            files=tools.files,
            images=self._load(self._checked.found[chosen], tools.layout, tools.files),
            named=self._checked.named,
        )
        _require_files(dockerfile, image)
        with self._context.beside(_whole_files(image)) as built_from:
            manifest = self._write(chosen, image, tools)
            context = built_from()
        self._missing.discard(chosen)
        if not self._missing:
            self.close()  # before the push: unpacked archives may be large
        return built_image(manifest, [(chosen, manifest)], {"shipmark": self._checked.version}, context)

    def _chosen(self, platform: str | None) -> Platform:
        if platform is not None:
            return parse_platform(platform)
        if len(self._checked.read.platforms) != 1:
            raise AssertionError("each of several platforms is a build of its own")
        return self._checked.read.platforms[0]

    def _opened(self, store: str) -> _Tools:
        """The objects that all platforms share; made in the first build."""
        if self._tools is None:
            self._warn_of_unused(self._checked.read.context.dockerfile)
            layout = Layout(store)
            writer = LayerWriter(
                layout,
                codec=self._checked.read.codec,
                mtime=self._checked.read.task.created,
                allowed=self._checked.allowed,
                sink=self._checked.sink,
                cancel=self._checked.cancel,
                hashes=self._context.hashes,
            )
            files = self._held.enter_context(BuildFiles(store, check=self._checked.cancel.check))
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
            self._checked.sink.emit(Note(level="info", text=text))
            loaded = base.load(layout, self._checked.read.codec, self._checked.cancel)
            tree = base_tree(
                loaded.layers,
                layout,
                name=use.name,
                spool=files.spool if use.is_copied else None,
                check=self._checked.cancel.check,
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
            image.config, labels={**image.config.labels, **self._checked.read.task.labels}
        )
        config = config_document(
            labelled,
            platform,
            diff_ids=[layer.diff_id for layer in layers],
            history=image.history,
            created=self._checked.read.task.created,
        )
        described, manifest = image_manifest(
            config, [layer.descriptor for layer in layers], self._checked.read.task.annotations
        )
        with translated():
            put_bytes(tools.layout, described, config)
            tools.layout.put_manifest(manifest)
        return manifest

    def _warn_of_unused(self, dockerfile: Dockerfile) -> None:
        declared = {name for each in dockerfile.instructions for name in getattr(each, "names", ())}
        for name in sorted(set(self._checked.read.values.args) - declared):
            self._checked.sink.emit(
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
        raise no_file(dockerfile)
