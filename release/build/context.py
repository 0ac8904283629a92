"""Reads a build context: its files, its ignore rules and the Dockerfile. No symlink out of the repository is followed.

Git keeps no owners, and of modes only the executable bit. So files get mode 0755 or 0644 by their executable bit, and
the owner 0: one commit gives one context, whatever umask and user checked it out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import msgspec

from release.build import BuildTask
from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.parser import parse
from release.build.embedded.tree import Tree
from release.build.ignore import Ignore, Verdict, parse_ignore
from release.compression.entries import HostFile, Node
from release.compression.host_files import changed
from release.errors import BuildError, RefusedError
from release.filesystem.files import read_file
from release.filesystem.folders import OpenFolder, open_folder
from release.limits import DOCKERFILE_BYTES, IGNORE_BYTES

_OWN_FOLDER = ".shipmark"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A build context. `folder`: its absolute path, symlinks resolved. `root`: the repository that contains `folder`.

    `ignore_file`: path of the ignore file that applies, relative to `folder`; None if there is none.
    `dockerfile_path`: the Dockerfile's path relative to `folder`, None if it lies outside. `text`: its bytes.
    """

    root: str
    folder: str
    dockerfile: Dockerfile
    dockerfile_path: str | None
    text: bytes
    ignore: Ignore
    ignore_file: str | None
    skipped: str | None  # path of the repository's `.shipmark`, relative to `folder`; None if it lies outside


def open_context(task: BuildTask) -> Context:
    """Check the paths of a task, and read its Dockerfile and ignore file. Raises `BuildError` with the wrong path."""
    root = os.path.realpath(task.root)
    named = os.path.normpath(os.path.join(task.root, task.spec.context))
    folder = os.path.realpath(named)
    if not os.path.isdir(folder):
        raise BuildError(
            f"the build context `{named}` is not a folder",
            hint="set `build: {context: …}` to a folder",
        )
    if not _is_inside(folder, root):
        raise BuildError(
            f"the build context `{named}` is outside of the repository `{task.root}`",
            hint="choose a `context` inside the repository",
        )
    raw, real = _read_dockerfile(task, root)
    shown = os.path.relpath(real, root)
    ignore, ignore_file = _read_ignore(real, folder, root)
    own = os.path.relpath(os.path.join(root, _OWN_FOLDER), folder)
    return Context(
        root=root,
        folder=folder,
        dockerfile=parse(_decode(raw, shown), shown),
        dockerfile_path=os.path.relpath(real, folder) if _is_inside(real, folder) else None,
        text=raw,
        ignore=ignore,
        ignore_file=ignore_file,
        skipped=None if own.startswith("..") else own,
    )


def walk(context: Context, *, check: Callable[[], None] = lambda: None) -> Tree:
    """The files of the context that are not ignored, sorted by the bytes of their paths: folders before their content.

    An excluded folder is part of the result only if an exception (`!`) includes something in it. `check`: called for
    each folder; may raise to cancel. Raises `BuildError` for a folder that cannot be listed.
    """
    nodes: dict[str, Node] = {}
    waiting = [("", context.ignore.root)]
    while waiting:
        check()
        for path, node, verdict in _list(context, *waiting.pop()):
            if node.kind == "dir" and (not verdict.excluded or context.ignore.may_include_below(path)):
                waiting.append((path, verdict))
            if not verdict.excluded:
                _add_with_parents(nodes, path, node)
    return Tree(dict(sorted(nodes.items(), key=lambda item: os.fsencode(item[0]))), rooted=False)


def _list(context: Context, folder: str, above: Verdict) -> list[tuple[str, Node, Verdict]]:
    listed = []
    try:
        with open_folder(os.path.join(context.folder, folder), context.root) as opened:
            for name in opened.names():
                path = f"{folder}/{name}" if folder else name
                if path not in (context.skipped, _OWN_FOLDER):
                    listed.append(
                        (path, _node(opened, name, context.root), context.ignore.judge(path, above))
                    )
    except RefusedError as error:
        raise changed(folder or context.folder) from error
    except OSError as error:
        raise BuildError(
            f"`{folder or context.folder}` in the build context cannot be read: {error.strerror}",
            hint="make it readable, or name it in `.dockerignore`",
        ) from error
    return listed


def _node(folder: OpenFolder, name: str, root: str) -> Node:
    status = folder.status(name)
    if status is None:
        raise changed(os.path.join(folder.path, name))
    if stat.S_ISDIR(status.st_mode):
        return Node(kind="dir", mode=0o755)
    if stat.S_ISLNK(status.st_mode):
        return Node(kind="symlink", mode=0o777, target=folder.target(name))
    if stat.S_ISREG(status.st_mode):
        content = HostFile(
            path=os.path.join(folder.path, name),
            size=status.st_size,
            root=root,
            inode=(status.st_dev, status.st_ino),
        )
        return Node(kind="file", mode=0o755 if status.st_mode & 0o100 else 0o644, content=content)
    return Node(kind="special", mode=0o644)


def _add_with_parents(nodes: dict[str, Node], path: str, node: Node) -> None:
    parts = path.split("/")
    for count in range(1, len(parts)):
        nodes.setdefault("/".join(parts[:count]), Node(kind="dir", mode=0o755))
    nodes[path] = node


def _read_dockerfile(task: BuildTask, root: str) -> tuple[bytes, str]:
    named = os.path.normpath(os.path.join(task.root, task.spec.dockerfile))
    real = os.path.realpath(named)
    if not _is_inside(real, root):
        raise BuildError(
            f"the Dockerfile `{named}` is outside of the repository `{task.root}`",
            hint="choose a `dockerfile` inside the repository",
        )
    raw = _read(real, named, DOCKERFILE_BYTES, root)
    if raw is None:
        raise BuildError(
            f"there is no Dockerfile at `{named}`",
            hint="write one there, or set `build: {dockerfile: …}` to where it is",
        )
    return raw, real


def _read_ignore(dockerfile: str, folder: str, root: str) -> tuple[Ignore, str | None]:
    """Rules and name of `<Dockerfile>.dockerignore` if that exists, else of the context's `.dockerignore`."""
    for path in (f"{dockerfile}.dockerignore", os.path.join(folder, ".dockerignore")):
        raw = _read(path, path, IGNORE_BYTES, root)
        if raw is not None:
            name = os.path.relpath(path, folder)
            return parse_ignore(_decode(raw, name), name), name
    return Ignore(), None


def _read(path: str, shown: str, limit: int, root: str) -> bytes | None:
    """The content of a regular file in the repository; None if it does not exist."""
    try:
        return read_file(path, limit=limit, within=root)
    except OSError as error:
        raise BuildError(
            f"`{shown}` cannot be read: {error.strerror}", hint="check the file's permissions"
        ) from error


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BuildError(f"{name}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
