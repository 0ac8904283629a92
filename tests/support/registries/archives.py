"""Archives of images, made by hand."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from release.control import Cancel
from release.events import NullSink
from release.image_names.names import TransportContext
from release.layout.layout import Layout
from tests.support.registries.images import digest


def tar_of(*entries: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def workshop_in(tmp_path: Path) -> TransportContext:
    return TransportContext(
        store=Layout(str(tmp_path / "store")), root=str(tmp_path), sink=NullSink(), cancel=Cancel()
    )


def saved_archive(
    path: Path,
    *tars: bytes,
    tags: list[str] | None = None,
    pack: Callable[[bytes], bytes] = bytes,
) -> str:
    """Write an archive of these layers as `docker save` does; returns the config's digest."""
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [digest(t) for t in tars]},
        }
    ).encode()
    name = digest(config).removeprefix("sha256:")
    layers = [f"{number:064x}/layer.tar" for number in range(len(tars))]
    entry = {"Config": f"{name}.json", "RepoTags": tags, "Layers": layers}
    contents = [pack(tar) for tar in tars]
    path.write_bytes(
        tar_of(
            *zip(layers, contents, strict=True),
            (f"{name}.json", config),
            ("manifest.json", json.dumps([entry]).encode()),
        )
    )
    return digest(config)
