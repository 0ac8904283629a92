"""Folders that an instruction makes because the image lacks them. Pure."""

from __future__ import annotations

import posixpath

from release.build.context.tree import Tree
from release.build.embedded.copying.owners import Owner
from release.compression.entries import Node
from release.errors import BuildError

_SETGID = 0o2000


def new_folder(parent: Node | None, owner: Owner | None, *, mode: int = 0o755) -> Node:
    """A new folder in `parent`. `owner`: None for root.

    In a folder with the set-group-ID bit, such as Debian's `/var/local`, the kernel gives a new folder that bit, and
    the folder's group unless an owner is named (mkdir(2)). BuildKit makes its folders there.
    """
    inherits = parent is not None and parent.mode & _SETGID
    group = parent.gid if parent is not None and inherits else 0
    uid, gid = (owner.uid, owner.gid) if owner is not None else (0, group)
    return Node(kind="dir", mode=mode | (_SETGID if inherits else 0), uid=uid, gid=gid)


def missing_folders(path: str, image: Tree, owner: Owner | None, *, where: str) -> dict[str, Node]:
    """The folders that the image lacks on the way to `path`, `path` included.

    `path`: without symlinks. `owner`: as for `new_folder`. Raises `BuildError` if something that is not a folder is in
    the way.
    """
    parts = path.split("/") if path else []
    missing: dict[str, Node] = {}
    for count in range(1, len(parts) + 1):
        folder = "/".join(parts[:count])
        node = image.get(folder)
        if node is None:
            above = posixpath.dirname(folder)
            missing[folder] = new_folder(missing.get(above) or image.get(above), owner)
        elif node.kind != "dir":
            raise BuildError(
                f"{where}: `/{folder}` in the image is not a folder, but something is put into it",
                hint="use another name",
            )
    return missing
