"""The errors for git commands that failed, chosen by what git says on stderr. Pure but for one look at `.git`."""

from __future__ import annotations

import os
import stat

from release.errors import BareRepository, DubiousOwnership, GitError, NoCommits, NoRepository
from release.ports import Completed

# Git's last word after ssh or the host refused: it names no cause.
_UNREADABLE = "fatal: Could not read from remote repository."
# A part of ssh's line for a host with another key than it had. Ssh's last line is the same as for an unknown host.
_CHANGED_KEY = "has changed and you have requested strict checking"
#: For what git says of a repository that cannot be right.
DAMAGED = "`git fsck` says what is damaged; a fresh clone helps"
#: For a folder that is in no repository.
RUN_IN_A_CLONE = "run in a clone, or name one with `-C DIR`; `git init` makes one"
_NEWER = "a newer git made this repository: install one that knows its format (`git --version`)"
_SETTING = "correct that line: `git config --list --show-origin` reads every file, and stops at the wrong one"
#: A part of git's message -> what helps.
_HINTS = {
    "unknown repository extension": _NEWER,
    "Expected git repo version": _NEWER,
    "bad config": _SETTING,
    "config value": _SETTING,
    "failed to expand user dir": _SETTING,
    # Of the variables themselves: `bogus count in GIT_CONFIG_COUNT`, `missing config key GIT_CONFIG_KEY_0`.
    "GIT_CONFIG_": "correct or unset the variables `GIT_CONFIG_…` of this environment: `GIT_CONFIG_COUNT` says how "
    "many pairs of `GIT_CONFIG_KEY_0` and `GIT_CONFIG_VALUE_0` there are",
    "alternate object path": "`.git/objects/info/alternates` names the folder that this clone takes objects from: put "
    "it back, or clone anew without `--shared` and `--reference`",
    "not to be a symbolic link": "a symlink stands where a submodule belongs: remove it, then "
    "`git submodule update --init`",
    "cannot chdir to": "`core.worktree` of this repository names a folder that is not there: "
    "`git config core.worktree`",
}


def failure(command: str, done: Completed, directory: str) -> GitError:
    """The error for a failed git command, chosen by git's message on stderr."""
    text = done.stderr.decode("utf-8", "backslashreplace").strip()
    lines = [line.strip() for line in text.splitlines()]
    if "dubious ownership" in text or "unsafe repository" in text:
        line = next((line for line in lines if line.startswith("git config")), None)
        return DubiousOwnership(
            f"git refuses `{directory}`: the repository belongs to another user",
            hint=f"`{line or f'git config --global --add safe.directory {directory}'}`",
        )
    if "not a git repository" in text:
        if os.path.isfile(os.path.join(directory, ".git")):
            # Git made the file for a linked work tree or a submodule, and what it names is gone or was moved.
            return NoRepository(
                f"the file `.git` in `{directory}` names no repository: {told_by(done)}",
                hint="`git worktree repair` in the repository of a linked work tree, or "
                "`git submodule update --init` in that of a submodule, writes it anew",
            )
        unreadable = _unreadable_part(directory)
        if unreadable is not None:
            return NoRepository(
                f"the git repository at `{unreadable}` cannot be read: permission denied",
                hint=f"run as the user that owns it, or give this user the right to read all of `{unreadable}`",
            )
        return NoRepository(f"there is no git repository at `{directory}`", hint=RUN_IN_A_CLONE)
    if "must be run in a work tree" in text or "cannot use bare repository" in text:
        return bare_repository(directory)
    if "does not have any commits" in text or "bad default revision" in text:
        return NoCommits(f"the repository at `{directory}` has no commit", hint="commit something first")
    if "promisor remote" in text or "lazy fetching disabled" in text:
        return GitError(
            f"`git {command}` needs objects that this partial clone lacks: {told_by(done)}",
            hint=f"nothing is fetched into a clone: run `git {command}` in it once, which fetches them, "
            "or clone without `--filter`",
        )
    hint = next((hint for part, hint in _HINTS.items() if part in text), DAMAGED)
    return GitError(f"`git {command}` failed in `{directory}`: {told_by(done)}", hint=hint)


def _unreadable_part(directory: str) -> str | None:
    """The `.git` in or above `directory`, if this user may not read what makes it a repository; None otherwise.

    For git, a folder whose `HEAD`, `refs` or `objects` it cannot read is not a repository, without a word about rights.
    """
    folder = os.path.abspath(directory)
    while not os.path.lexists(os.path.join(folder, ".git")):
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)
    found = os.path.join(folder, ".git")
    parts = (found, *(os.path.join(found, name) for name in ("HEAD", "refs", "objects")))
    return found if any(map(_is_denied, parts)) else None


def _is_denied(path: str) -> bool:
    """Whether this user may not read the file, or not enter the folder, at `path`. A missing one is not denied."""
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.X_OK if is_folder else os.R_OK)


def bare_repository(directory: str) -> BareRepository:
    """The error for a folder in a repository without a work tree."""
    return BareRepository(
        f"`{directory}` is in a git repository without a work tree",
        hint="run in a clone that has its files checked out (`git clone`, not `git clone --bare`)",
    )


def told_by(done: Completed) -> str:
    """What git said as it gave up, as `reason_in` finds it; the exit code if git said nothing."""
    return reason_in(done.stderr.decode("utf-8", "backslashreplace")) or f"exit {done.code}"


def reason_in(text: str) -> str:
    """The line of git's stderr with which git gave up; without one all of it in one line. "" if git said nothing.

    Where git only says that it could not read from the remote, that is the line of ssh or of the host before it.
    """
    told = [line.strip() for line in text.split("\n") if line.strip()]
    fatal = next((at for at, line in enumerate(told) if line.startswith(("fatal:", "error:"))), None)
    if fatal is None:
        return " ".join(told)
    if told[fatal] == _UNREADABLE:
        before = [
            line for line in reversed(told[:fatal]) if any(map(str.isalpha, line.removeprefix("remote:")))
        ]
        return next((line for line in before if _CHANGED_KEY in line), next(iter(before), _UNREADABLE))
    # Git lists what it means in lines of their own: `fatal: unknown repository extension found:`.
    return " ".join(told[fatal:]) if told[fatal].endswith(":") else told[fatal]
