"""The error for something that stands where a file or a folder is needed. Pure."""

from __future__ import annotations

import stat

from release.errors import Obstructed, RefusedError


def refusal(path: str, mode: int, rule: str) -> RefusedError:
    """The error that names what stands at `path`. `mode`: its `st_mode`; `rule`: how the sentence ends."""
    # A file or folder in the way may be an accident (`Obstructed`); a symlink or pipe was put there on purpose.
    if stat.S_ISDIR(mode):
        return Obstructed(
            f"`{path}` is a folder, and shipmark {rule}", hint="name a file in it, or move it away"
        )
    if stat.S_ISREG(mode):
        return Obstructed(f"`{path}` is a file, and shipmark {rule}", hint=_MOVE)
    if stat.S_ISLNK(mode):
        return RefusedError(f"`{path}` is a symlink, and shipmark {rule}", hint=_MOVE)
    return RefusedError(f"`{path}` is not a regular file, and shipmark {rule}", hint="name another path")


# No hint says "remove": the path may be the user's working folder, or a device such as /dev/stdout.
_MOVE = "move it away, or name another path"
