"""Computes the changes of one `COPY` or local `ADD` to an image's tree. Pure: trees in, changes or `BuildError` out.

Source: the Dockerfile reference, "COPY"; where that says nothing, BuildKit's behaviour.
"""

from __future__ import annotations

import posixpath

import msgspec

from release.build.context.layer_names import require_storable_name
from release.build.context.tree import Tree, join
from release.build.embedded.copying.new_folders import missing_folders, new_folder
from release.build.embedded.copying.owners import Owner
from release.build.embedded.copying.sources import FoundSource, find_sources
from release.build.embedded.copying.transfer import Transfer
from release.compression.entries import Node
from release.errors import BuildError


def changes_of(transfer: Transfer, source: Tree, image: Tree) -> dict[str, Node]:
    """The nodes that the transfer adds to the image, by path, with missing parent folders. Raises `BuildError`."""
    found = find_sources(transfer, source)
    target, says_folder = _destination(transfer, image)
    changes = _Changes(transfer, image)
    for each in found:
        changes.source = each.number
        keeps_parents = transfer.keeps_parents and not each.is_inline
        if keeps_parents and _is_left_out(transfer, each, source):
            continue
        for folder, node in each.above:
            changes.add_above(join(target, folder), node)
        # As in BuildKit, `--exclude` counts from the source, or with `--parents` from where its path begins.
        inner = each.name if keeps_parents else ""
        archive = _archive(transfer, each)
        if archive is not None:
            changes.add_archive(target, archive)
        elif each.node.kind == "dir":
            itself = each.node if inner else None
            changes.add_below(join(target, inner), source, each.path, inner=inner, node=itself)
        elif not inner or not transfer.leaves_out(inner):
            # As in BuildKit, what an earlier source made of the destination counts for the next one.
            is_folder = says_folder or keeps_parents or changes.has_folder(target)
            changes.add(join(target, each.name) if is_folder else target, each.node, origin=each.path)
    return changes.nodes


def _is_left_out(transfer: Transfer, found: FoundSource, source: Tree) -> bool:
    """Whether `--exclude` leaves out a match of `--parents` and all in it. Then no folder above it is copied either."""
    below = (f"{found.name}{path[len(found.path) :]}" for path in source.below(found.path))
    return transfer.leaves_out(found.name) and all(map(transfer.leaves_out, below))


def _archive(transfer: Transfer, found: FoundSource) -> Tree | None:
    if found.node.content is None:
        return None
    try:
        return transfer.unpack(found.node.content, found.path)
    except BuildError as error:
        raise BuildError(f"{transfer.where}: {error.message}", hint=error.hint) from error


def _destination(transfer: Transfer, image: Tree) -> tuple[str, bool]:
    """The destination, with symlinks in the image followed, and whether it is written as a folder."""
    text = transfer.destination
    says_folder = text.endswith(("/", "/.")) or text in (".", "..")
    absolute = posixpath.normpath(posixpath.join("/", transfer.working_dir, text)).lstrip("/")
    resolved = image.resolve(absolute)
    if transfer.is_linked and resolved != absolute:
        raise _through_symlink(transfer, absolute, resolved)
    return resolved, says_folder


def _through_symlink(transfer: Transfer, path: str, resolved: str) -> BuildError:
    """The error for `--link` through a symlink of the image.

    BuildKit would put a folder in the symlink's place, and with that hide what is behind it.
    """
    return BuildError(
        f"{transfer.where}: `--link` to `/{path}` leads through a symlink to `/{resolved}`",
        hint=f"write `/{resolved}`, or do without `--link`",
    )


class _Changes:
    """Collects nodes by path; a later node replaces an earlier one.

    With `--link`, the nodes are those of a copy into an empty image, as in BuildKit: folders that the image has get the
    owner and mode of new ones.
    """

    def __init__(self, transfer: Transfer, image: Tree) -> None:
        self.nodes: dict[str, Node] = {}
        self._transfer = transfer
        self._after = image.nodes()
        self._result = Tree(self._after)
        self._known = Tree(self.nodes) if transfer.is_linked else self._result  # folders that are not made
        self._folders: dict[str, str] = {}  # folder -> the folder with symlinks followed
        self._mode = transfer.mode  # `--chmod`, for what is added next
        self._owner = transfer.owner  # of new folders
        self.source = 0  # number of the source whose matches are added
        self._done: dict[str, int] = {}  # folder -> the last source that gave it a mode

    def has_folder(self, path: str) -> bool:
        """Whether `path` is a folder, of an earlier source or, without `--link`, of the image."""
        node = self._known.get(path)
        return node is not None and node.kind == "dir"

    def add(self, path: str, node: Node, *, origin: str) -> None:
        """Add one node, with symlinks followed in the folders of its path. A symlink is added as it is."""
        if node.kind == "dir":
            self.add_folder(path, node)
            return
        self._require_usual(node, origin)
        resolved = self._in_folder(path)
        existing = self._result.get(resolved)
        if existing is not None and existing.kind == "dir":
            raise self._error(
                f"`/{resolved}` is a folder in the image, but `{origin}` is not a folder",
                f"copy to another name, or into it: `/{resolved}/`",
            )
        self._add_parents(resolved)
        self._put(resolved, self._stamped(node))

    def add_below(
        self, target: str, source: Tree, folder: str, *, inner: str = "", node: Node | None = None
    ) -> None:
        """Add the content of `folder` in `source` to the folder `target`.

        `inner`: the path of `folder` as `--exclude` patterns see it. `node`: the folder itself, if it is copied, too.
        """
        self.add_folder(target, node)
        for path in sorted(source.below(folder)):
            node = source.get(path)
            name = path[len(folder) :].lstrip("/")
            if node is not None and not self._transfer.leaves_out(join(inner, name)):
                self.add(join(target, name), node, origin=path)

    def add_archive(self, target: str, archive: Tree) -> None:
        """Add the content of an archive to the folder `target`. As in BuildKit, `--chmod` and `--exclude` do nothing.

        Folders that only the paths in the archive name are root's, whatever `--chown` says.
        """
        self._mode = None
        self.add_folder(target)
        self._owner = Owner()
        for path in sorted(archive.paths()):
            node = archive.get(path)
            if node is not None:
                self.add(join(target, path), node, origin=path)
        self._mode, self._owner = self._transfer.mode, self._transfer.owner

    def add_folder(self, path: str, node: Node | None = None) -> None:
        """Add a folder. A known folder gets the owner and mode of `node`, the folder of the source, as in BuildKit."""
        made, known = self._made(path, node)
        self._done[made] = self.source
        if node is not None and known is not None:
            self._restamp(made, known, self._stamped(node))

    def add_above(self, path: str, node: Node) -> None:
        """Add a folder that `--parents` keeps. A known folder gets the mode of `node`, without `--chmod`.

        What a source did to a folder is left alone by its other matches, as in BuildKit.
        """
        made, known = self._made(path, node)
        is_own = self._done.get(made) == self.source
        self._done[made] = self.source
        if known is not None and not is_own:
            self._restamp(made, known, msgspec.structs.replace(node, uid=known.uid, gid=known.gid))

    def _restamp(self, path: str, known: Node, said: Node) -> None:
        if (known.mode, known.uid, known.gid) != (said.mode, said.uid, said.gid):
            self._put(path, msgspec.structs.replace(known, mode=said.mode, uid=said.uid, gid=said.gid))

    def _made(self, path: str, node: Node | None) -> tuple[str, Node | None]:
        """The path of a folder with symlinks followed, and what is known of it; an unknown folder is added."""
        resolved = self._resolved(path, self._result.resolve(path), self._known.resolve(path))
        self._add_parents(resolved)
        existing = self._result.get(resolved)
        if existing is not None and existing.kind != "dir":
            raise self._error(
                f"`/{resolved}` in the image is not a folder, but a folder is copied there",
                "use another name",
            )
        known = self._known.get(resolved)
        if known is None:
            self._put(resolved, self._new_folder(resolved) if node is None else self._stamped(node))
        return resolved, known

    def _in_folder(self, path: str) -> str:
        """`path` with symlinks in its folders followed. Raises as `_resolved`; each folder is followed once."""
        folder, name = posixpath.split(path)
        found = self._folders.get(folder)
        if found is None:
            self._resolved(path, self._result.resolve_parent(path), self._known.resolve_parent(path))
            found = self._folders[folder] = self._result.resolve(folder)
        return join(found, name)

    def _resolved(self, path: str, in_image: str, in_known: str) -> str:
        """`path` with symlinks followed. Raises `BuildError` where `--link` would follow one of the image."""
        if in_image != in_known:
            raise _through_symlink(self._transfer, path, in_image)
        return in_image

    def _put(self, path: str, node: Node) -> None:
        replaced = self._after.get(path)
        if node.kind == "symlink" or (replaced is not None and replaced.kind == "symlink"):
            self._folders.clear()  # the only changes that lead a path elsewhere
        self.nodes[path] = self._after[path] = node

    def _add_parents(self, path: str) -> None:
        folder = posixpath.dirname(path)
        known = self._known.get(folder)
        if known is None or known.kind != "dir":
            # Raises for other nodes.
            missing_folders(folder, self._result, None, where=self._transfer.where)
            for each in missing_folders(folder, self._known, None, where=self._transfer.where):
                self._put(each, self._new_folder(each))

    def _new_folder(self, path: str) -> Node:
        """A folder that no source has, with the permissions of an octal `--chmod` if there is one, as in BuildKit."""
        change = self._mode
        mode = 0o755 if change is None or change.number is None else change.number & 0o777
        return new_folder(self._known.get(posixpath.dirname(path)), self._owner, mode=mode)

    def _require_usual(self, node: Node, origin: str) -> None:
        if node.kind == "special":
            raise self._error(
                f"`{origin}` is a device, pipe or socket, which an image cannot hold",
                "name it in `.dockerignore`",
            )
        if node.kind == "file" and node.content is None:
            raise self._error(
                f"`{origin}` is a sparse file, whose content is not read", "copy it in the image's own build"
            )
        require_storable_name(origin, node.target, self._transfer.where)

    def _stamped(self, node: Node) -> Node:
        owner, mode = self._transfer.owner, self._mode
        if owner is not None:
            node = msgspec.structs.replace(node, uid=owner.uid, gid=owner.gid)
        if mode is not None and node.kind != "symlink":
            node = msgspec.structs.replace(node, mode=mode.of(node.mode, is_folder=node.kind == "dir"))
        return node

    def _error(self, what: str, hint: str) -> BuildError:
        return BuildError(f"{self._transfer.where}: {what}", hint=hint)
