"""Writes the files of `init`: new ones only where nothing is, changed ones only if git can restore them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from release.app.session import Session
from release.errors import ConfigError, RefusedError
from release.filesystem.files import read_file, write_file
from release.filesystem.folders import open_parent
from release.filesystem.new_files import NewFile
from release.git.command import Git
from release.limits import CONFIG_BYTES


class File(Protocol):
    """A file to write. `path`: below the repository's root."""

    @property
    def path(self) -> str:
        """Below the root."""

    @property
    def state(self) -> str:
        """`new` or `changed`."""

    @property
    def text(self) -> str:
        """The whole new text."""


def write_files(session: Session, files: Sequence[File]) -> None:
    """Write all files; nothing is written if one of them may not be.

    Raises `RefusedError` for a changed file whose present content git does not hold, and for symlinks in the way.
    """
    for one in files:
        if one.state == "changed":
            _require_committed(session, one.path)
    for one in files:
        path = os.path.join(session.root, one.path)
        try:
            if one.state == "changed":
                old = read_file(path, limit=CONFIG_BYTES, within=session.root) or b""
                # The text was read with `\n` at the end of each line; a file with `\r\n` keeps it.
                text = one.text.replace("\n", "\r\n") if b"\r\n" in old else one.text
                write_file(path, text.encode(), workspace=session.root)
            else:
                _write_new(session, path, one.text)
        except OSError as error:
            cause = (error.strerror or str(error)).lower()
            raise ConfigError(
                f"`{one.path}` cannot be written: {cause}", hint="check the folder's rights"
            ) from error


def _write_new(session: Session, path: str, text: str) -> None:
    with open_parent(path, session.root, make=True) as (folder, name), NewFile(folder, mode=0o666) as new:
        new.stream.write(text.encode())
        new.place(name, replace=False)


def _require_committed(session: Session, path: str) -> None:
    git = Git(session.process, session.root, session.settings.env)
    tracked = git.run("ls-files", "--error-unmatch", "--", path).code == 0
    if not tracked or git.read("status", "--porcelain", "--", path).strip():
        raise RefusedError(
            f"`{path}` holds changes that are not committed, so it is not edited",
            hint="commit or stash them first; then `git checkout` can undo the edit",
        )
