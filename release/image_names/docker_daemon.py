"""The transport `docker-daemon:REFERENCE`: an image in a docker daemon as a `Repository`.

The image is read as by `docker save` and written as by `docker load`. The manifest of an image that is read is
made here, since `docker save` need not contain the original one: uncompressed layers are compressed into the content
store while they arrive; compressed layers and the config are not changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from release.compression.codecs import Codec
from release.compression.tar_stream import stream
from release.control import Cancel
from release.docker.engine import connect
from release.docker.saved_images import store_archive
from release.errors import (
    BuildError,
    BuilderUnavailable,
    ConfigError,
    Invalid,
    NotFound,
    RegistryError,
    Unreachable,
)
from release.events import Note, Sink
from release.filesystem.new_files import scratch_file
from release.image_names.archive_writer import combined_archive
from release.image_names.loadable_image import loaded_alone
from release.layout.adopt import put_bytes
from release.layout.layout import Layout
from release.oci import Descriptor, Manifest
from release.oci.grammar import is_digest
from release.oci.image_json import image_manifest
from release.oci.manifest import describe
from release.oci.reference import Reference

# Parts of the daemon's error messages, in lower case, for an image that does not exist. The SDK's error has no code for
# a missing image.
_ABSENT = ("no such image", "reference does not exist")
_WHOLE = "`docker save -o image.tar {}` writes all of them: read that by `oci-archive:image.tar`"
_CHOOSE = "`--platform` chooses another one; docker keeps all of them in its containerd image store"


class DaemonImage:
    """An image in a docker daemon. `image`: the image's name (`app:1.0`) or id; `store`: the content store.

    `env`: the environment, for `DOCKER_HOST` and similar variables. `codec`: compresses layers that are uncompressed in
    the daemon; None: the fastest gzip.
    """

    def __init__(
        self,
        image: str,
        *,
        store: Layout,
        env: Mapping[str, str],
        sink: Sink,
        cancel: Cancel,
        codec: Codec | None = None,
    ) -> None:
        self._image = image
        self.holds_referrers = False
        self.needs_foreign_layers = True  # the daemon loads no image without them
        self._store = store
        self._env = env
        self._codec = codec
        self._sink = sink
        self._cancel = cancel
        self._lock = threading.Lock()  # threads of a copy share this object; the image is exported only once
        self._held: Manifest | None = None
        self._take: Callable[[Descriptor], None] = lambda _: None

    @property
    def name(self) -> str:
        """The transport `docker-daemon:` and the image's name."""
        return f"docker-daemon:{self._image}"

    @property
    def tag(self) -> str:
        """The tag in the image's name; `latest` if the name has none."""
        return "latest" if is_digest(self._image) else Reference.parse(self._image).tag or "latest"

    def tags(self) -> tuple[str, ...]:
        """The tag in the image's name, as the only tag."""
        return (self.tag,)

    def resolve(self, reference: str) -> Descriptor | None:
        """The descriptor of the image, which is read first; by digest, of the image or a manifest in the store.

        None for another tag and for an unknown digest.
        """
        if is_digest(reference):
            held = self._store.resolve(reference)
            return held if self._held is None or self._held.digest != reference else describe(self._held)
        return describe(self._read()) if reference == self.tag else None

    def manifest(self, reference: str) -> Manifest:
        """The manifest made for the daemon's image, or one in the store by digest. Raises `NotFound`."""
        if is_digest(reference) and (self._held is None or self._held.digest != reference):
            return self._store.manifest(reference)
        if not is_digest(reference) and reference != self.tag:
            raise NotFound(f"`{self.name}` has no `{reference}`", hint=f"its only tag is `{self.tag}`")
        return self._read()

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """A blob from the content store."""
        return self._store.open_blob(descriptor)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the content store has the blob."""
        return self._store.has_blob(descriptor)

    def announce(self, take: Callable[[Descriptor], None]) -> None:
        """Call `take` with the descriptor of each layer once the content store has the layer."""
        self._take = take

    def put_blob(
        self, descriptor: Descriptor, reopen: Callable[[], IO[bytes]], *, mount_from: tuple[str, ...] = ()
    ) -> bool:
        """Keep the blob in the store until the image is loaded into the daemon."""
        return self._store.put_blob(descriptor, reopen, mount_from=mount_from)

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        """Without a tag, keep the manifest in the store; with the image's tag, load the image into the daemon.

        Raises `ConfigError` for another tag, or if the image is named by its id.
        """
        if tag is None:
            self._store.put_manifest(manifest)
            return
        if is_digest(self._image) or tag != self.tag:
            raise ConfigError(
                f"`{self.name}` cannot get the tag `{tag}`", hint="write `docker-daemon:NAME:TAG`"
            )
        reference = Reference.parse(self._image)
        name = self._image if reference.tag else f"{self._image}:{tag}"
        try:
            with self._store.folder("loading", make=True) as folder, scratch_file(folder) as archive:
                combined_archive(
                    self._store, manifest.digest, name, archive, folder, check=self._cancel.check
                )
                archive.seek(0)
                with _told(self._image), connect(self._env, self._cancel) as engine:
                    engine.load(archive)
                    alone = None if engine.keeps_indexes() else loaded_alone(self._store, manifest)
        except OSError as error:
            raise RegistryError(
                f"the archive for the docker daemon cannot be written: {error.strerror or error}",
                hint="check the space of the cache folder",
            ) from error
        if alone is not None:
            text = f"`{self.name}`: the docker daemon keeps one platform of an image: {alone}"
            self._sink.emit(Note(level="warning", text=text, hint=_CHOOSE))

    def check_push(self) -> None:
        """Raise `Unreachable` when no daemon answers."""
        with _told(self._image), connect(self._env, self._cancel):
            return

    def delete_tag(self, tag: str) -> None:
        """Raise `Invalid`, whose hint names the docker command that removes the image."""
        raise Invalid(f"`{tag}` cannot be deleted from `{self.name}`", hint=f"docker rmi {self._image}")

    def delete_manifest(self, digest: str) -> None:
        """Raise `Invalid`, whose hint names the docker command that removes the image."""
        raise Invalid(f"`{digest}` cannot be deleted from `{self.name}`", hint=f"docker rmi {self._image}")

    def _read(self) -> Manifest:
        with self._lock:
            if self._held is None:
                self._held = self._export()
            return self._held

    def _export(self) -> Manifest:
        with _told(self._image), connect(self._env, self._cancel) as engine:
            with stream(engine.export(self._image)) as archive:
                saved = store_archive(
                    archive, self._store, codec=self._codec, check=self._cancel.check, take=self._take
                )
            described, manifest = image_manifest(
                saved.config, [layer.descriptor for layer in saved.layers], {}
            )
            put_bytes(self._store, described, saved.config)
        if saved.others:
            shown = ", ".join(f"`{name}`" for name in saved.others)
            text = f"`{self.name}`: only the image for `{saved.platform}` is read, and not that for {shown}"
            self._sink.emit(Note(level="warning", text=text, hint=_WHOLE.format(self._image)))
        text = f"`{self.name}` has no manifest: one was made, `{manifest.digest}`"
        self._sink.emit(Note(level="info", text=text))
        return manifest


@contextmanager
def _told(image: str) -> Iterator[None]:
    """Turn a daemon's build errors into registry errors: the daemon is used as a repository, not as a builder."""
    try:
        yield
    except BuilderUnavailable as error:
        raise Unreachable(error.message, hint=error.hint) from error
    except BuildError as error:
        if any(words in error.message.lower() for words in _ABSENT):
            raise NotFound(f"the docker daemon has no image `{image}`", hint="see `docker images`") from error
        raise RegistryError(error.message, hint=error.hint) from error
