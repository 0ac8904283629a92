"""Builds one image with one daemon: sends the context, follows the messages, and stores the exported layers."""

from __future__ import annotations

from release.build.context.tree import Tree
from release.build.docker.input import build_arguments, sent_dockerfile, sent_entries
from release.build.docker.leftovers import Leftovers
from release.build.docker.messages import BuildMessages
from release.build.dockerfile.instructions import Dockerfile
from release.build.extras.build_secrets import Secrecy
from release.build.extras.history import without_values
from release.build.task_input import TaskInput
from release.compression.tar_stream import counted, stream, tar_chunks
from release.control import Cancel
from release.docker.engine import Engine
from release.docker.saved_images import SavedImage, store_archive
from release.errors import BuildError
from release.events import Sink
from release.layout.adopt import put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, image_manifest


class ImageBuild:
    """Builds one image with one daemon, a platform at a time."""

    def __init__(
        self,
        engine: Engine,
        read: TaskInput,
        files: Tree,
        *,
        layout: Layout,
        leftovers: Leftovers,
        sink: Sink,
        cancel: Cancel,
    ) -> None:
        self._engine = engine
        self._secrecy = Secrecy(read.values.args, ())
        self._leftovers = leftovers
        self._read = read
        self._files = files
        self._layout = layout
        self._sink = sink
        self._cancel = cancel

    def image(self, platform: Platform | None) -> tuple[Platform, Manifest]:
        """Build the image for `platform` (None: the daemon's choice), and store it. Raises `BuildError`."""
        expected = platform or _own_platform(self._engine, self._read.context.dockerfile)
        # The classic builder's cache ignores platforms: for a platform that is not the daemon's, it could reuse steps
        # of a build for another one.
        saved = self._attempt(platform, cache=expected in (None, self._engine.platform))
        if not _fits(saved.platform, expected, asked=platform is not None):
            # Steps of a build for another platform may have been in the cache: build again without the cache.
            saved = self._attempt(platform, cache=False)
        if not _fits(saved.platform, expected, asked=platform is not None):
            raise BuildError(
                f"the docker daemon built for `{saved.platform}` instead of `{expected}`",
                hint="pin a base image that exists for the platform, or use `builder: layers`",
            )
        config = without_values(saved.config, self._secrecy.args, self._secrecy.hide)
        layers = [layer.descriptor for layer in saved.layers]
        described, manifest = image_manifest(config, layers, self._read.task.annotations)
        with translated():
            put_bytes(self._layout, described, config)
            self._layout.put_manifest(manifest)
        return saved.platform, manifest

    def _attempt(self, platform: Platform | None, *, cache: bool) -> SavedImage:
        """Build with the daemon, and store the exported layers in the layout."""
        image = self._identifier(platform, cache=cache)
        exported = counted(self._engine.export(image), "image from the daemon", self._sink)
        with stream(exported) as archive:
            return store_archive(archive, self._layout, codec=self._read.codec, check=self._cancel.check)

    def _identifier(self, platform: Platform | None, *, cache: bool) -> str:
        context, task = self._read.context, self._read.task
        dockerfile = sent_dockerfile(context, self._files)
        following = BuildMessages(
            context.dockerfile, self._sink, self._secrecy.hide, added=len(dockerfile.added)
        )
        entries = sent_entries(context, self._files, dockerfile)
        sent = tar_chunks(entries, mtime=task.created, check=self._cancel.check)
        own = self._engine.platform
        messages = self._engine.build(
            counted(sent, "build context", self._sink),
            dockerfile=dockerfile.path,
            buildargs=build_arguments(self._read, dockerfile, target=platform or own, build=own),
            labels=dict(task.labels),
            target=task.spec.target,
            platform=str(platform) if platform else None,
            nocache=not cache,
        )
        for message in messages:
            following.take(message)
            if following.image is not None:
                self._leftovers.add(following.image)
        following.end()
        if following.image is None:
            raise BuildError(
                "the docker daemon ended the build without an image",
                hint="see the daemon's own log; it may have stopped",
            )
        return following.image


def _fits(found: Platform, expected: Platform | None, *, asked: bool) -> bool:
    if expected is None or asked:
        return expected in (None, found)
    # Of its own processor the daemon tells no variant: `arm` may be `linux/arm/v6`.
    return (found.os, found.architecture) == (expected.os, expected.architecture)


def _own_platform(engine: Engine, dockerfile: Dockerfile) -> Platform | None:
    """The platform of a build without an option `platforms`: the daemon's; None if a `FROM --platform` decides."""
    named = any(stage.base.flag("platform") is not None for stage in dockerfile.stages)
    return None if named else engine.platform
