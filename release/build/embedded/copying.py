"""Computes the changes of one `COPY` or local `ADD` to an image's tree. Pure: trees in, changes or `BuildError` out.

Source: the Dockerfile reference, "COPY"; where that says nothing, BuildKit's behaviour.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

import msgspec

from release.build.embedded.modes import ModeChange
from release.build.embedded.tree import Escape, LinkLoop, Tree
from release.build.ignore import Ignore, match_component
from release.compression.entries import Content, Node
from release.errors import BuildError
from release.patterns import expression_of, has_wildcard

_WHITEOUT = ".wh."
_CHECK = "check the path, and that `.dockerignore` does not leave it out"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Numeric owner and group."""

    uid: int = 0
    gid: int = 0


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One `COPY`, operands expanded.

    `where`: `Dockerfile:7`. `origin`: where the sources are searched, for messages: `the context`. `inline`:
    here-documents by the word that opened them, which stands in `sources` too. `owner`, `mode`: None keeps the owner or
    mode of the source. `excluded`: paths below each source that are left out. `keeps_parents`: folders on the way to a
    source are made in the destination. `is_linked`: the layer must not depend on what is below it. `unpack`: returns
    the content of an archive for `ADD`, None for any other file.
    """

    where: str
    origin: str
    sources: tuple[str, ...]
    destination: str
    working_dir: str = "/"
    inline: Mapping[str, tuple[str, Content]] = {}  # word -> file name, content
    owner: Owner | None = None
    mode: ModeChange | None = None
    excluded: Ignore = Ignore()
    keeps_parents: bool = False
    is_linked: bool = False
    unpack: Callable[[Content, str], Tree | None] = lambda content, shown: None  # noqa: ARG005 - nothing is an archive

    def leaves_out(self, path: str) -> bool:
        """Whether `--exclude` leaves out a path below a source."""
        return bool(self.excluded.patterns) and self.excluded.excludes(path)


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """One match of a source.

    `name`: the match's name in a destination folder; `above`: parent folders that `--parents` keeps.
    """

    path: str
    name: str
    node: Node
    above: tuple[tuple[str, Node], ...] = ()


def changes_of(transfer: Transfer, source: Tree, image: Tree) -> dict[str, Node]:
    """The nodes that the transfer adds to the image, by path, with missing parent folders. Raises `BuildError`."""
    found = [each for pattern in transfer.sources for each in _find(transfer, pattern, source)]
    # A wildcard without a match is allowed if another source matches: `COPY package.json lock* /` without a lock file.
    if not found:
        sources = ", ".join(f"`{pattern}`" for pattern in transfer.sources)
        raise BuildError(f"{transfer.where}: nothing in {transfer.origin} matches {sources}", hint=_CHECK)
    target, is_folder = _destination(transfer, found, image)
    changes = _Changes(transfer, image)
    for each in found:
        for folder, node in each.above:
            changes.add_folder(_join(target, folder), node)
        # As in BuildKit, `--exclude` counts from the source, or with `--parents` from where its path begins.
        inner = each.name if transfer.keeps_parents else ""
        archive = _archive(transfer, each)
        if archive is not None:
            changes.add_below(target, archive, "")
        elif each.node.kind == "dir":
            changes.add_below(_join(target, inner), source, each.path, inner=inner)
        elif not inner or not transfer.leaves_out(inner):
            changes.add(_join(target, each.name) if is_folder else target, each.node, origin=each.path)
    return changes.nodes


def _archive(transfer: Transfer, found: _Found) -> Tree | None:
    if found.node.content is None:
        return None
    try:
        return transfer.unpack(found.node.content, found.path)
    except BuildError as error:
        raise BuildError(f"{transfer.where}: {error.message}", hint=error.hint) from error


def missing_folders(path: str, image: Tree, owner: Owner, *, where: str) -> dict[str, Node]:
    """The folders that the image lacks on the way to `path`, `path` included.

    `path`: without symlinks. Raises `BuildError` if something that is not a folder is in the way.
    """
    parts = path.split("/") if path else []
    missing: dict[str, Node] = {}
    for count in range(1, len(parts) + 1):
        folder = "/".join(parts[:count])
        node = image.get(folder)
        if node is None:
            missing[folder] = Node(kind="dir", mode=0o755, uid=owner.uid, gid=owner.gid)
        elif node.kind != "dir":
            raise BuildError(
                f"{where}: `/{folder}` in the image is not a folder, but something is put into it",
                hint="use another name",
            )
    return missing


def _find(transfer: Transfer, pattern: str, source: Tree) -> list[_Found]:
    if pattern in transfer.inline:
        name, content = transfer.inline[pattern]
        return [_Found(path=name, name=name, node=Node(kind="file", mode=0o644, content=content))]
    if transfer.keeps_parents:
        return _find_with_parents(transfer, pattern, source)
    cleaned = _cleaned(transfer, pattern)
    try:
        paths = _glob(cleaned, source) if has_wildcard(cleaned) else [cleaned]
    except ValueError as error:
        raise BuildError(f"{transfer.where}: `{pattern}` is not a pattern: {error}") from error
    return [_follow(transfer, path, source) for path in paths]


def _cleaned(transfer: Transfer, pattern: str) -> str:
    """The pattern relative to the source's root; "" for the root."""
    cleaned = posixpath.normpath(pattern.lstrip("/") or ".")
    if cleaned == ".." or cleaned.startswith("../"):
        raise BuildError(
            f"{transfer.where}: `{pattern}` leaves {transfer.origin}",
            hint="only what is inside can be copied; choose a wider `context`",
        )
    return "" if cleaned == "." else cleaned


def _find_with_parents(transfer: Transfer, pattern: str, source: Tree) -> list[_Found]:
    """The matches for `--parents`, by the path behind `/./` or from the root. `**` matches folders at any depth."""
    before, pivot, behind = pattern.partition("/./")
    root = source.resolve(_cleaned(transfer, before)) if pivot else ""
    wanted = _cleaned(transfer, behind if pivot else pattern)
    if not has_wildcard(wanted):
        paths = [wanted]
    else:
        try:
            expression = re.compile(expression_of(wanted), re.DOTALL)
        except ValueError as error:
            raise BuildError(f"{transfer.where}: `{pattern}` is not a pattern: {error}") from error
        inside = (path[len(root) :].lstrip("/") for path in sorted(source.below(root)))
        paths = [path for path in inside if expression.fullmatch(path)]
    found = []
    for path in paths:
        node = source.get(_join(root, path))
        if node is None:
            raise BuildError(f"{transfer.where}: {transfer.origin} has no `{path}`", hint=_CHECK)
        names = path.split("/")[:-1]
        above = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
        nodes = tuple((each, _folder_at(_join(root, each), source)) for each in above)
        found.append(_Found(path=_join(root, path), name=path, node=node, above=nodes))
    return found


def _folder_at(path: str, source: Tree) -> Node:
    node = source.get(path)
    return node if node is not None and node.kind == "dir" else Node(kind="dir")


def _glob(pattern: str, source: Tree) -> list[str]:
    wanted = pattern.split("/")
    matches = []
    for path in source.paths():
        names = path.split("/")
        if len(names) == len(wanted) and all(map(match_component, wanted, names)):
            matches.append(path)
    return sorted(matches)


def _follow(transfer: Transfer, path: str, source: Tree) -> _Found:
    """The source at `path`. If it is a symlink, its target is copied, as Docker does."""
    try:
        resolved = source.resolve(path)
    except Escape as error:
        raise BuildError(
            f"{transfer.where}: `{error.args[0]}` is a symlink that leaves {transfer.origin}",
            hint="put what it points to inside, or leave the link out with `.dockerignore`",
        ) from error
    except LinkLoop as error:
        raise BuildError(
            f"{transfer.where}: the symlink `{error.args[0]}` leads in a circle", hint="repair the link"
        ) from error
    node = source.get(resolved)
    if node is None:
        raise BuildError(f"{transfer.where}: {transfer.origin} has no `{path}`", hint=_CHECK)
    return _Found(path=resolved, name=posixpath.basename(path), node=node)


def _destination(transfer: Transfer, found: list[_Found], image: Tree) -> tuple[str, bool]:
    """The destination, with symlinks in the image followed, and whether it is a folder to copy into."""
    text = transfer.destination
    says_folder = transfer.keeps_parents or text.endswith(("/", "/.")) or text in (".", "..")
    if len(found) > 1 and not says_folder:
        raise BuildError(
            f"{transfer.where}: more than one source, but the destination `{text}` does not end with `/`",
            hint=f"write `{text}/`",
        )
    absolute = posixpath.normpath(posixpath.join("/", transfer.working_dir, text)).lstrip("/")
    resolved = image.resolve(absolute)
    if transfer.is_linked and resolved != absolute:
        raise _through_symlink(transfer, absolute, resolved)
    node = image.get(resolved)
    return resolved, says_folder or (node is not None and node.kind == "dir")


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
                "copy to another name",
            )
        self._add_parents(resolved)
        self._put(resolved, self._stamped(node))

    def add_below(self, target: str, source: Tree, folder: str, *, inner: str = "") -> None:
        """Add the content of `folder` in `source` to the folder `target`.

        `inner`: the path of `folder` as `--exclude` patterns see it.
        """
        self.add_folder(target)
        for path in sorted(source.below(folder)):
            node = source.get(path)
            name = path[len(folder) :].lstrip("/")
            if node is not None and not self._transfer.leaves_out(_join(inner, name)):
                self.add(_join(target, name), node, origin=path)

    def add_folder(self, path: str, node: Node | None = None) -> None:
        """Add a folder. A known folder is not added, to keep its owner and mode."""
        resolved = self._resolved(path, self._result.resolve(path), self._known.resolve(path))
        self._add_parents(resolved)
        existing = self._result.get(resolved)
        if existing is not None and existing.kind != "dir":
            raise self._error(
                f"`/{resolved}` in the image is not a folder, but a folder is copied there",
                "use another name",
            )
        if self._known.get(resolved) is None:
            self._put(resolved, self._new_folder() if node is None else self._stamped(node))

    def _in_folder(self, path: str) -> str:
        """`path` with symlinks in its folders followed. Raises as `_resolved`; each folder is followed once."""
        folder, name = posixpath.split(path)
        found = self._folders.get(folder)
        if found is None:
            self._resolved(path, self._result.resolve_parent(path), self._known.resolve_parent(path))
            found = self._folders[folder] = self._result.resolve(folder)
        return _join(found, name)

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
            missing_folders(
                folder, self._result, Owner(), where=self._transfer.where
            )  # raises for other nodes
            for each in missing_folders(folder, self._known, Owner(), where=self._transfer.where):
                self._put(each, self._new_folder())

    def _new_folder(self) -> Node:
        """A folder that no source has, with the permissions of an octal `--chmod` if there is one, as in BuildKit."""
        owner, change = self._transfer.owner or Owner(), self._transfer.mode
        mode = 0o755 if change is None or change.number is None else change.number & 0o777
        return Node(kind="dir", mode=mode, uid=owner.uid, gid=owner.gid)

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
        if posixpath.basename(origin).startswith(_WHITEOUT):
            raise self._error(
                f"`{origin}` begins with `{_WHITEOUT}`, which marks a removed file in a layer", "rename it"
            )
        if not _is_text(origin) or not _is_text(node.target):
            raise self._error(f"the name {origin!r} is not UTF-8", "rename it")

    def _stamped(self, node: Node) -> Node:
        owner, mode = self._transfer.owner, self._transfer.mode
        if owner is not None:
            node = msgspec.structs.replace(node, uid=owner.uid, gid=owner.gid)
        if mode is not None and node.kind != "symlink":
            node = msgspec.structs.replace(node, mode=mode.of(node.mode, is_folder=node.kind == "dir"))
        return node

    def _error(self, what: str, hint: str) -> BuildError:
        return BuildError(f"{self._transfer.where}: {what}", hint=hint)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\udc80" <= character <= "\udcff" for character in name)
