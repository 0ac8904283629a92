"""The writing side of git: an annotated tag, its push, and fetching what a clone lacks. GitPython does the work."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from release.errors import GitError, TagConflict
from release.git.command import git_environment

if TYPE_CHECKING:
    from git import Repo

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_FETCH_TIMEOUT = 600.0  # seconds
_PUSH_TIMEOUT = 120.0


def create_tag(root: str, name: str, commit: str, message: str, env: Mapping[str, str]) -> None:
    """Make the annotated git tag `name` on `commit`.

    Raises `TagConflict` when the tag exists, `GitError` when git refuses (no identity, no valid name).
    """
    with _repository(root, env) as repo:
        if any(tag.name == name for tag in repo.tags):
            raise TagConflict(f"git tag `{name}` exists already", hint=f"look at it with `git show {name}`")
        try:
            repo.git.tag("--annotate", f"--message={message}", "--", name, commit)
        except _command_error() as error:
            told = _told(error)
            hint = None
            if "empty ident name" in told or "Please tell me who you are" in told:
                hint = '`git config user.name "…"` and `git config user.email …`'
            raise GitError(f"git tag `{name}` could not be made: {told}", hint=hint) from error


def push_tag(root: str, name: str, env: Mapping[str, str], *, remote: str = "origin") -> None:
    """Push the git tag `name`: there or not there, and never over another one.

    When the remote refuses, the tag is taken away here too, so that nothing happened. Raises `TagConflict` when the
    remote has another tag of this name, else `GitError`.
    """
    with _repository(root, env) as repo:
        ref = f"refs/tags/{name}"
        try:
            repo.git.push("--atomic", "--", remote, f"{ref}:{ref}", kill_after_timeout=_PUSH_TIMEOUT)
        except _command_error() as error:
            told = _told(error)
            repo.git.tag("--delete", name)
            if "already exists" in told:
                raise TagConflict(
                    f"`{remote}` has another git tag `{name}`",
                    hint=f"`git fetch {remote} tag {name}` shows it",
                ) from error
            raise GitError(
                f"git tag `{name}` could not be pushed to `{remote}`: {told}",
                hint="the tag was taken away again; check the remote and the credentials",
            ) from error


def deepen(root: str, env: Mapping[str, str], *, shallow: bool, remote: str = "origin") -> None:
    """Fetch the history and the tags that a clone lacks. The remote's tags replace stale ones of the same name."""
    arguments = ["--tags", "--force", *(["--unshallow"] if shallow else [])]
    with _repository(root, env) as repo:
        try:
            repo.git.fetch(*arguments, "--", remote, kill_after_timeout=_FETCH_TIMEOUT)
        except _command_error() as error:
            raise GitError(
                f"the history could not be fetched from `{remote}`: {_told(error)}",
                hint=f"check `git ls-remote {remote}` by hand",
            ) from error


def _repository(root: str, env: Mapping[str, str]) -> Repo:
    from git import Repo

    repo = Repo(root)
    # GitPython's children inherit our whole environment: what a hook may have set there is said anew, not removed.
    repo.git.update_environment(
        **git_environment(env)
        | {
            "GIT_DIR": repo.git_dir,
            "GIT_COMMON_DIR": str(repo.common_dir),
            "GIT_WORK_TREE": str(repo.working_tree_dir),
            "GIT_OBJECT_DIRECTORY": os.path.join(repo.common_dir, "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_NAMESPACE": "",
        }
    )
    return repo


def _command_error() -> type[Exception]:
    from git.exc import GitCommandError

    return GitCommandError


def _told(error: Exception) -> str:
    """What git said, in one line, without credentials."""
    text = str(getattr(error, "stderr", "") or error).strip()
    lines = [line.strip().removeprefix("stderr: ").strip("'\" ") for line in text.splitlines()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:", "!"))), None)
    rejected = next((line for line in lines if line.startswith("! ")), None)
    return _CREDENTIALS.sub(
        "", rejected or told or " ".join(line for line in lines if line) or "no reason given"
    )
