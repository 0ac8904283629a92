"""The files of an image after all its layers, entry by entry, and its settings, for comparisons of builders."""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.registries.oci_schemas import document

#: What an image says of its containers; the rest of a config is about the build.
_SETTINGS = frozenset(
    """
    Env Cmd Entrypoint User WorkingDir Labels ExposedPorts Volumes StopSignal Healthcheck OnBuild Shell
    """.split()  # noqa: SIM905  # quoted names would hide the list
)
_XATTR = "SCHILY.xattr."


class Flat(NamedTuple):
    """`files`: path -> type, mode, owner, group, size, hash or target, extended attributes."""

    files: dict[str, tuple[Any, ...]]
    settings: dict[str, Any]


def flattened(store: Path, digest: str) -> Flat:
    """Return files and settings of an image for one platform in the layout `store`, with whiteouts applied.

    As in container runtimes, an empty setting counts as absent, the working folder is `/` by default, and the order of
    environment variables does not matter.
    """
    manifest = document(store, digest)
    files: dict[str, tuple[Any, ...]] = {}
    for layer in manifest["layers"] or ():  # BuildKit writes null for an image without files
        _apply(files, store / "blobs" / layer["digest"].replace(":", "/"))
    return Flat(files, settings_of(document(store, manifest["config"]["digest"]).get("config") or {}))


def settings_of(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in the member `config` of an image's config, in the form of `Flat.settings`."""
    told = {name: value for name, value in container.items() if value and name in _SETTINGS}
    env = dict(pair.partition("=")[::2] for pair in told.get("Env", ()))
    assert len(env) == len(told.get("Env", ()))
    return {"WorkingDir": "/", **told, "Env": env}


def differences(ours: Flat, theirs: Flat) -> list[str]:
    """Return the differences between two images, one line for each path and each setting."""
    found = [
        f"{path}: {ours.files.get(path)} instead of {theirs.files.get(path)}"
        for path in sorted(ours.files.keys() | theirs.files.keys())
        if ours.files.get(path) != theirs.files.get(path)
    ]
    return found + [
        f"{name}: {ours.settings.get(name)} instead of {theirs.settings.get(name)}"
        for name in sorted(ours.settings.keys() | theirs.settings.keys())
        if ours.settings.get(name) != theirs.settings.get(name)
    ]


def _apply(files: dict[str, tuple[Any, ...]], layer: Path) -> None:
    added: dict[str, tuple[Any, ...]] = {}
    with tarfile.open(layer) as tar:
        for member in tar:
            path = posixpath.normpath(member.name.strip("/"))
            folder, name = posixpath.split(path)
            if name == ".wh..wh..opq":
                _remove_below(files, folder)
            elif name.startswith(".wh."):
                hidden = posixpath.join(folder, name.removeprefix(".wh."))
                _remove_below(files, hidden)
                files.pop(hidden, None)
            elif path != ".":
                added[path] = _entry(tar, member, {**files, **added})
    for path, found in added.items():
        if found[0] != "folder":
            _remove_below(files, path)
        files[path] = found
        while path := posixpath.dirname(path):  # layers may leave out the folders on the way
            files.setdefault(path, ("folder", "0o755", 0, 0, 0, "", {}))


def _remove_below(files: dict[str, tuple[Any, ...]], folder: str) -> None:
    for path in [path for path in files if path.startswith(f"{folder}/")]:
        del files[path]


def _entry(
    tar: tarfile.TarFile, member: tarfile.TarInfo, known: Mapping[str, tuple[Any, ...]]
) -> tuple[Any, ...]:
    if member.islnk():
        return known[posixpath.normpath(member.linkname.strip("/"))]
    owner = (member.uid, member.gid)
    mode = oct(member.mode & 0o7777)
    attributes = {name: value for name, value in member.pax_headers.items() if name.startswith(_XATTR)}
    if member.isreg():
        content = tar.extractfile(member)
        assert content is not None
        raw = content.read()
        return ("file", mode, *owner, len(raw), hashlib.sha256(raw).hexdigest(), attributes)
    if member.isdir():
        return ("folder", mode, *owner, 0, "", attributes)
    # Linux knows no mode of a link, and builders write what they like.
    kind = "link" if member.issym() else f"special {member.type!r}"
    return (kind, "", *owner, 0, member.linkname, attributes)
