"""Finds files of which a clone has the bytes that git stores, because a git filter did not run at the checkout.

gitattributes(5): `filter=NAME` names a program that turns stored bytes into the file's content (`smudge`). A clone in
which the program is not configured gets the stored bytes without a word: a pointer, a ciphertext, or the like.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from release.build.context.folder import Context
from release.build.context.reach import Reach
from release.build.context.selection import Selection
from release.compression.entries import HostFile
from release.compression.host_files import open_host_file
from release.errors import BuildError
from release.events import Note
from release.git.model import GitFiles
from release.git.work_tree import WorkTree
from release.hints import MAKE_READABLE

#: Bytes of the largest pointer file, by the Git LFS specification, "The Pointer".
_POINTER_BYTES = 1024
#: Kind -> filter, and the first bytes that only its stored form has. Sources: the Git LFS specification, "The Pointer"
#: (`hawser` is the name that the project had before); git-crypt's `commands.cpp`; transcrypt's `enc` of openssl in
#: base64, which begins with `Salted__`. Named keys and contexts have filters like `git-crypt-NAME` and `crypt-NAME`.
_STORED: Mapping[Literal["lfs", "locked"], Mapping[str, tuple[bytes, ...]]] = {
    "lfs": {"lfs": (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")},
    "locked": {"git-crypt": (b"\0GITCRYPT\0",), "crypt": (b"U2FsdGVkX1",)},
}
#: Filters that change only what is stored, so that a checkout without them gives the same files.
_CLEANERS = frozenset({"nbstripout"})
_ATTRIBUTES = ".gitattributes"
_NAMED = 3  # files that a warning names: enough to recognise them, and the warning stays readable


class Unfiltered(msgspec.Struct, frozen=True, kw_only=True):
    """Files that the build reads as git stores them.

    `lfs`: pointers of Git LFS. `locked`: files that are encrypted. `others`: path -> filter that this clone does not
    have.
    """

    lfs: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    others: Mapping[str, str] = {}


def unfiltered(
    context: Context, reach: Reach, git: GitFiles, chosen: Selection, work_tree: WorkTree
) -> Unfiltered:
    """The tracked files that a filter should have changed and did not. Only files with a known filter are opened."""
    everything = _has_attributes(context, git)
    read: dict[str, HostFile] = {}
    for path in git.modes:
        node = chosen.files.get(path)
        content = node.content if node is not None else None
        if not isinstance(content, HostFile) or not content.size or not reach.source_of(path):
            continue
        # Attributes that no file of the commit has, such as those of this user, are asked only for possible pointers.
        if everything or content.size <= _POINTER_BYTES:
            read[path] = content
    filters = work_tree.filters(context.folder, git, list(read)) if read else {}
    lfs = [path for path in filters if _is_stored("lfs", filters[path], read[path])]
    locked = [path for path in filters if _is_stored("locked", filters[path], read[path])]
    known = {name for names in _STORED.values() for name in names} | _CLEANERS
    unknown = {path: name for path, name in filters.items() if _tool(name) not in known}
    missing = work_tree.without_filter(context.folder, git, unknown) if unknown else {}
    return Unfiltered(lfs=tuple(lfs), locked=tuple(locked), others=missing)


def filter_notes(others: Mapping[str, str], shown: Callable[[str], str]) -> list[Note]:
    """A warning for each filter that this clone does not have."""
    return [
        _note(name, [path for path in others if others[path] == name], shown) for name in set(others.values())
    ]


def _note(name: str, paths: list[str], shown: Callable[[str], str]) -> Note:
    names = ", ".join(f"`{shown(path)}`" for path in paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")
    return Note(
        level="warning",
        text=f"the git filter `{name}` is not configured in this clone, so the image gets the bytes that git stores: "
        f"{names}",
        hint=f"configure `filter.{name}.smudge` before the checkout; `cat` says that the stored bytes are right",
    )


def _tool(name: str) -> str:
    """The filter's name without that of a key: `git-crypt-backend` is git-crypt with the key `backend`."""
    return next((tool for tool in _STORED["locked"] if name.startswith(f"{tool}-")), name)


def _is_stored(kind: Literal["lfs", "locked"], name: str, content: HostFile) -> bool:
    first = _STORED[kind].get(_tool(name), ())
    if not first or (kind == "lfs" and content.size > _POINTER_BYTES):
        return False
    return _start(content, max(map(len, first))).startswith(first)


def _start(content: HostFile, size: int) -> bytes:
    try:
        with open_host_file(content) as file:
            return file.read(size) or b""
    except OSError as error:
        raise BuildError(
            f"`{content.path}` cannot be read: {error.strerror}",
            hint=MAKE_READABLE,
        ) from error


def _has_attributes(context: Context, git: GitFiles) -> bool:
    """Whether a file with attributes exists for the context: in it, above it, or beside git's objects."""
    if any(path.rpartition("/")[2] == _ATTRIBUTES for path in git.modes):
        return True
    folder = context.folder
    while folder != context.root:
        folder = os.path.dirname(folder)
        if os.path.lexists(os.path.join(folder, _ATTRIBUTES)):
            return True
    git_dir = os.path.join(context.root, ".git")
    # In a linked work tree `.git` is a file: its attributes lie elsewhere, and are taken to be there.
    return not os.path.isdir(git_dir) or os.path.lexists(os.path.join(git_dir, "info", "attributes"))
