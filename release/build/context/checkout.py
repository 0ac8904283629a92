"""Undoes and names what one clone's configuration does to the files that it checks out.

Git shows no change for these differences, and every clone of a commit should give the same context.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence

from release.build.context.reach import Reach
from release.build.context.tree import Tree
from release.compression.entries import HostFile, Node
from release.compression.host_files import open_host_file
from release.events import Note
from release.git.model import GitFiles

# Bytes of the longest target of a symlink: PATH_MAX of Linux. A longer file is no symlink that git checked out.
_LONGEST_TARGET = 4096
_NAMED = 3  # files that a warning names: enough to recognise them, and the warning stays readable


def with_links(walked: Tree, git: GitFiles) -> Tree:
    """The files with the commit's symlinks, also where `core.symlinks=false` made files of them."""
    if git.settings.symlinks:
        return walked
    links: dict[str, Node] = {}
    for path, mode in git.modes.items():
        node = walked.get(path) if stat.S_ISLNK(mode) else None
        content = node.content if node is not None else None
        if isinstance(content, HostFile) and 0 < content.size <= _LONGEST_TARGET:
            with open_host_file(content) as file:
                target = os.fsdecode(file.read(_LONGEST_TARGET) or b"")
            links[path] = Node(kind="symlink", mode=0o777, target=target)
    return walked.with_changes(links) if links else walked


def mode_note(walked: Tree, git: GitFiles, reach: Reach, shown: Callable[[str], str]) -> Note | None:
    """The warning about changed executable bits that git does not look at, since the image has those of the commit.

    None where the file system does not keep the bit, which all files or none have then.
    """
    if git.settings.file_mode:
        return None
    bits: set[bool] = set()
    differing = []
    for path, mode in git.modes.items():
        node = walked.get(path)
        if node is not None and isinstance(node.content, HostFile) and stat.S_ISREG(mode):
            bits.add(bool(node.mode & 0o111))
            if bool(node.mode & 0o111) != bool(mode & 0o111) and reach.source_of(path) is not None:
                differing.append(path)
    if not differing or len(bits) < 2:
        return None
    text = f"`core.fileMode=false` hides a changed executable bit: {_names(differing, shown)}; images have the commit's"
    return Note(
        level="warning",
        text=text,
        hint=f"`git update-index --chmod=+x {shown(differing[0])}` (or `-x`), and commit, to release the new one",
    )


def crlf_note(converted: Sequence[str], reach: Reach, shown: Callable[[str], str]) -> Note | None:
    """The warning about line ends that differ from the commit's. `converted`: the files with such line ends."""
    read = [path for path in converted if reach.source_of(path) is not None]
    if not read:
        return None
    return Note(
        level="warning",
        text=f"`core.autocrlf` or `core.eol` of this clone puts CRLF where the commit has LF: {_names(read, shown)}; "
        "another clone builds another image",
        hint="write `* text=auto eol=lf` into `.gitattributes`, or check out with `core.autocrlf=false`",
    )


def _names(paths: Sequence[str], shown: Callable[[str], str]) -> str:
    return ", ".join(f"`{shown(path)}`" for path in paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")
