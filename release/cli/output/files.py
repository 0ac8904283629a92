"""Writes output files that the user or the CI system names: results, plans, exports, summaries.

A path through a symlink in the workspace is refused, if possible before the command does anything else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress

from release.app.session import Session
from release.errors import ConfigError
from release.filesystem.files import append_file, is_stream, require_file, write_file, write_hint

#: What `build -o` takes that is one file.
_ARCHIVES = ("oci-archive:", "docker-archive:")


def write_output(session: Session, path: str, text: str) -> None:
    """Replace the file at `path`, relative to the working folder, atomically; write directly to a stream.

    Raises `RefusedError` if the path is a symlink or not a regular file, `ConfigError` if it cannot be written.
    """
    try:
        write_file(_whole(session, path), _encoded(text), workspace=session.root)
    except OSError as error:
        raise _unwritable(path, error) from error


def empty_output(session: Session, path: str) -> None:
    """Empty the file at `path` if it exists, before the command that will write it does anything.

    If the command fails, no later step takes an earlier run's result for this one's. Streams and symlinks are left
    alone. Raises `ConfigError` if the file cannot be written.
    """
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(_whole(session, path)).st_mode):
            write_output(session, path, "")


def append_output(session: Session, path: str, text: str) -> None:
    """Append to the file at `path`, relative to the working folder.

    Raises `RefusedError` if the path is a symlink, a hard link or not a regular file, `ConfigError` if it cannot be
    written.
    """
    try:
        append_file(_whole(session, path), _encoded(text), workspace=session.root)
    except OSError as error:
        raise _unwritable(path, error) from error


def require_outputs(
    session: Session, replaced: Sequence[str | None], appended: Sequence[str | None] = ()
) -> None:
    """Raise `RefusedError` for a path that `write_output` or `append_output` would refuse, `ConfigError` for a folder.

    Called before a release, since a refusal after it would come too late. A path may be None, for a file that was not
    requested. Other errors, such as missing permissions, are not raised.
    """
    for paths, append in ((replaced, False), (appended, True)):
        for path in paths:
            if path is None:
                continue
            try:
                require_file(_whole(session, path), workspace=session.root, append=append)
            except OSError:
                continue


def require_distinct(session: Session, files: Mapping[str, str | None]) -> None:
    """Raise `ConfigError` if two options name one file: the second write would replace the first one's content.

    `files`: option -> path; `oci-archive:FILE` and its kin count as FILE. Streams such as `/dev/stdout` may be shared.
    """
    found: dict[str, str] = {}
    for option, path in files.items():
        if not path or is_stream(path):
            continue
        file = path.split(":")[1] if path.startswith(_ARCHIVES) else path
        other = found.setdefault(os.path.realpath(os.path.join(session.directory, file)), option)
        if other != option:
            raise ConfigError(
                f"`{other}` and `{option}` name the same file, `{file}`",
                hint="name a file of its own for each",
            )


def _whole(session: Session, path: str) -> str:
    if path.endswith(os.sep):  # the slash would be dropped, and a file with the folder's name be written
        raise ConfigError(f"`{path}` names a folder, and this writes one file", hint="name a file in it")
    return os.path.join(session.directory, path)


def _encoded(text: str) -> bytes:
    # File names that are not UTF-8 give lone surrogates, which UTF-8 cannot encode. Escaped, they stay valid in JSON.
    return text.encode("utf-8", "backslashreplace")


def _unwritable(path: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"`{path}` cannot be written: {error.strerror or error}",
        hint=write_hint(error, "name a file in a folder that can be written to"),
    )
