"""Moves an image that buildx's driver `docker` built from the docker daemon into the content store.

The BuildKit inside of a docker daemon writes no layouts, unless the daemon keeps its images in containerd.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from release.build.extras.build_secrets import Secrecy
from release.build.extras.history import without_values
from release.compression.codecs import Codec
from release.compression.tar_stream import counted, stream
from release.control import Cancel
from release.docker.engine import connect
from release.docker.saved_images import store_archive
from release.errors import BuildError
from release.events import Sink
from release.layout.adopt import put_bytes, translated
from release.layout.layout import Layout
from release.oci import Manifest
from release.oci.image_json import Platform, image_manifest

#: Seconds that the daemon gets for its answer when the temporary image is removed. After a signal the process ends
#: within 4 s (`cli/signals.py`), so a longer wait would be cut off; an image that stays only costs disk space.
_PATIENCE = 3.0


class DaemonImages:
    """The images of one docker daemon.

    `env`: the environment that names the daemon, as for the docker command; `codec`: compresses layers.
    """

    def __init__(self, env: Mapping[str, str], *, codec: Codec, sink: Sink, cancel: Cancel) -> None:
        self._env = env
        self._codec = codec
        self._sink = sink
        self._cancel = cancel

    def take(
        self, name: str, layout: Layout, secrecy: Secrecy, annotations: Mapping[str, str]
    ) -> tuple[Platform, Manifest]:
        """Store the image `name` in `layout`, with values of build arguments removed from its history.

        Raises `BuildError`.
        """
        with connect(self._env, self._cancel) as engine:
            exported = counted(engine.export(name), "image from the daemon", self._sink)
            with stream(exported) as archive:
                saved = store_archive(archive, layout, codec=self._codec, check=self._cancel.check)
        config = without_values(saved.config, secrecy.args, secrecy.hide)
        layers = [layer.descriptor for layer in saved.layers]
        described, manifest = image_manifest(config, layers, annotations)
        with translated():
            put_bytes(layout, described, config)
            layout.put_manifest(manifest)
        return saved.platform, manifest

    def remove(self, name: str) -> None:
        """Remove the image, also when the run is cancelled; images with other names stay. Errors are ignored."""
        with suppress(BuildError), connect(self._env, Cancel(), answer_within=_PATIENCE) as engine:
            engine.remove(name)
