"""Files that the user or the CI system named for a command's output: results, plans, exports, summaries.

A name that leads through a symlink of the workspace is refused, before a command does anything else where it can be.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from release.app.session import Session
from release.errors import ConfigError
from release.filesystem.files import append_file, require_file, write_file


def write_output(session: Session, path: str, text: str) -> None:
    """Replace the file at `path`, relative to `-C`, at once: it is whole or as it was.

    Raises `RefusedError` for a symlink or what else is no regular file, `ConfigError` where it cannot be written.
    """
    try:
        write_file(_whole(session, path), _encoded(text), workspace=session.root)
    except OSError as error:
        raise _unwritable(path, error) from error


def append_output(session: Session, path: str, text: str) -> None:
    """Add to the file at `path`. Errors as for `write_output`; a hard link is refused as well."""
    try:
        append_file(_whole(session, path), _encoded(text), workspace=session.root)
    except OSError as error:
        raise _unwritable(path, error) from error


def require_outputs(
    session: Session, replaced: Sequence[str | None], appended: Sequence[str | None] = ()
) -> None:
    """Raise `RefusedError` for a path that would be refused later, when a release may be visible already.

    None is a file that nobody asked for. What only fails, as for want of rights, is left for later.
    """
    for paths, append in ((replaced, False), (appended, True)):
        for path in paths:
            if path is None:
                continue
            try:
                require_file(_whole(session, path), workspace=session.root, append=append)
            except OSError:
                continue


def _whole(session: Session, path: str) -> str:
    return os.path.join(session.directory, path)


def _encoded(text: str) -> bytes:
    # A lone surrogate, as bytes of a file name give, has no UTF-8; as an escape it stays valid JSON.
    return text.encode("utf-8", "backslashreplace")


def _unwritable(path: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"`{path}` cannot be written: {error.strerror or error}",
        hint="name a file in a folder that can be written to",
    )
