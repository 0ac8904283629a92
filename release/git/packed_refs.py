"""Reads the branches and tags of a repository from its file `packed-refs`, without a git process.

`git show-ref -d` looks up the object of every ref, which takes most of the time of a command in a repository with
20,000 tags. `packed-refs` has the same content: `git clone`, `git gc` and `git pack-refs` write it, each annotated tag
with the commit that it peels to. Wherever the file alone may not be the whole truth, the caller asks git.

Source: gitrepository-layout(5), and `packed-backend.c` and `files-backend.c` in git's folder `refs`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from release.errors import ConfigError
from release.filesystem.files import read_file
from release.limits import GIT_PACKED_REFS_BYTES, GIT_POINTER_BYTES
from release.ref_names import is_commit, is_ref

_HEADER = b"# pack-refs with:"
# `fully-peeled`: every tag that git can peel has a line with its commit. `sorted`: refs of one folder stand together.
_TRAITS = (b" fully-peeled ", b" sorted ")
# Branches in files of their own that are read. A clone has few; opening thousands of files takes longer than git.
_MOST_FILES = 100


class _AskGitError(Exception):
    """The repository has refs in a form that only git is sure to read."""


def packed_listing(common_dir: str) -> bytes | None:
    """All branches and peeled tags, as `Snapshot.tag_listing` has them; None where git must be asked.

    That is the case without `packed-refs`, or if a tag has a file of its own: the file does not say to which commit an
    annotated tag peels. `common_dir`: the git folder that all work trees share.
    """
    if os.path.lexists(os.path.join(common_dir, "reftable")):
        return None
    try:
        # Files are read before `packed-refs`, as git does: a ref that is packed in between is found in `packed-refs`.
        for _ in _files(os.path.join(common_dir, "refs", "tags"), ""):
            return None
        loose = dict(_loose_branches(os.path.join(common_dir, "refs", "heads")))
        text = read_file(os.path.join(common_dir, "packed-refs"), limit=GIT_PACKED_REFS_BYTES)
    except (ConfigError, OSError, _AskGitError):
        return None
    if text is None or not text.startswith(_HEADER) or not text.endswith(b"\n"):
        return None
    header = text[: text.find(b"\n")]
    if any(trait not in header for trait in _TRAITS):
        return None
    rows = (line.partition(b" ") for line in _block(text, b" refs/heads/").splitlines() if line[:1] != b"^")
    branches = {ref: commit for commit, _, ref in rows} | loose
    heads = b"".join(b"%s %s\n" % (branches[ref], ref) for ref in sorted(branches))
    return heads + _block(text, b" refs/tags/")


def _block(text: bytes, folder: bytes) -> bytes:
    """The lines of the refs in `folder`, with the lines of the commits that they peel to (`^<commit>`)."""
    first = text.find(folder)
    if first < 0:
        return b""
    end = text.find(b"\n", text.rfind(folder)) + 1
    if text.startswith(b"^", end):
        end = text.find(b"\n", end) + 1
    return text[text.rfind(b"\n", 0, first) + 1 : end]


def _loose_branches(folder: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the branches that have files of their own, each as a ref with its commit. Raises `_AskGitError`."""
    for count, name in enumerate(_files(folder, "")):
        content = read_file(os.path.join(folder, name), limit=GIT_POINTER_BYTES) or b""
        commit = content.removesuffix(b"\n").decode("ascii", "replace")
        if count >= _MOST_FILES or not is_commit(commit) or not is_ref(f"refs/heads/{name}"):
            raise _AskGitError(name)
        yield b"refs/heads/" + os.fsencode(name), commit.encode()


def _files(folder: str, start: str) -> Iterator[str]:
    """Yield the paths of all files below `folder`, without git's lock files. Raises `_AskGitError` for symlinks."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if entry.is_symlink():
                raise _AskGitError(entry.name)
            if entry.is_dir():
                yield from _files(entry.path, f"{start}{entry.name}/")
            elif not entry.name.endswith(".lock"):
                yield start + entry.name
