"""Lists the files of a build context. No symlink is followed.

Git keeps no owners, and of modes only the executable bit. So files get mode 0755 or 0644 by their executable bit, and
the owner 0: one commit gives one context, whatever umask and user checked it out.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections import Counter
from collections.abc import Callable

from release.build.context.folder import Context
from release.build.context.selection import GIT_FOLDER
from release.build.context.tree import Tree
from release.build.ignore import Verdict
from release.compression.entries import HostFile, Node
from release.compression.host_files import changed
from release.errors import BuildError, RefusedError
from release.filesystem.folders import OpenFolder, open_folder
from release.hints import MAKE_READABLE


def walk(context: Context, *, check: Callable[[], None] = lambda: None) -> Tree:
    """The files of the context that are not ignored, sorted by the bytes of their paths: folders before their content.

    An excluded folder is part of the result only if an exception (`!`) includes something in it. A folder whose only
    content is never part of a context (`.git`, an image layout) is left out too. `check`: called for each folder; may
    raise to cancel. Raises `BuildError` for a folder that cannot be listed and a file that cannot be read.
    """
    nodes: dict[str, Node] = {}
    waiting = [("", context.ignore.root)]
    hollow: set[str] = set()
    while waiting:
        check()
        folder, above = waiting.pop()
        for path, node, verdict in _list(context, folder, above, hollow):
            if node.kind == "dir" and (not verdict.excluded or context.ignore.may_include_below(path)):
                waiting.append((path, verdict))
            if not verdict.excluded:
                _add_with_parents(nodes, path, node)
    _drop_hollow(nodes, hollow)
    return Tree(dict(sorted(nodes.items(), key=lambda item: os.fsencode(item[0]))))


def _list(context: Context, folder: str, above: Verdict, hollow: set[str]) -> list[tuple[str, Node, Verdict]]:
    """The files and folders in `folder`; if some are never part of a context, the folder is added to `hollow`."""
    listed = []
    try:
        with open_folder(os.path.join(context.folder, folder), context.root) as opened:
            for name in opened.names():
                path = f"{folder}/{name}" if folder else name
                if path in context.hidden or (name == GIT_FOLDER and not context.keep_git):
                    hollow.add(folder)
                else:
                    listed.append(
                        (path, _node(opened, name, context.root), context.ignore.judge(path, above))
                    )
    except RefusedError as error:
        raise changed(folder or context.folder) from error
    except OSError as error:
        raise BuildError(
            f"`{folder or context.folder}` in the build context cannot be read: {error.strerror}",
            hint=MAKE_READABLE,
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
        if not status.st_mode & stat.S_IROTH and not folder.can_read(name):
            raise BuildError(
                f"`{os.path.join(folder.path, name)}` cannot be read: {os.strerror(errno.EACCES)}",
                hint=MAKE_READABLE,
            )
        content = HostFile(
            path=os.path.join(folder.path, name),
            size=status.st_size,
            root=root,
            inode=(status.st_dev, status.st_ino),
        )
        return Node(kind="file", mode=0o755 if status.st_mode & 0o100 else 0o644, content=content)
    return Node(kind="special", mode=0o644)


def _drop_hollow(nodes: dict[str, Node], hollow: set[str]) -> None:
    """Remove folders whose whole content was left out, and folders that contained only such folders.

    If they stayed, the layout that the first release writes to `dist/` would appear in the second release's context as
    an empty folder `dist/`, and change the image.
    """
    counts = Counter(posixpath.dirname(path) for path in nodes)
    waiting = list(hollow)
    while waiting:
        folder = waiting.pop()
        if folder in nodes and not counts[folder]:
            del nodes[folder]
            parent = posixpath.dirname(folder)
            counts[parent] -= 1
            waiting.append(parent)


def _add_with_parents(nodes: dict[str, Node], path: str, node: Node) -> None:
    parts = path.split("/")
    for count in range(1, len(parts)):
        nodes.setdefault("/".join(parts[:count]), Node(kind="dir", mode=0o755))
    nodes[path] = node
