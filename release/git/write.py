"""Writes to a repository with GitPython: makes an annotated tag, pushes it, fetches missing history."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from release.errors import GitError, TagConflict
from release.git.command import git_argv, git_environment
from release.git.repository import find_places, require_entry
from release.lazy_pattern import pattern
from release.secrets.redaction import redact

_CREDENTIALS = pattern(r"(?<=://)[^/@\s]+@")
_SIGN = "give git a key that signs here, or leave that out: `git config tag.gpgSign false`"
# The first line of a signature: of OpenPGP, X.509 or ssh.
_SIGNATURE = pattern(r"^-----BEGIN [A-Z ]+-----$", re.MULTILINE)
# What git says of a push that failed -> what helps.
_HINTS_FOR_PUSH = {
    "--signed push": "`git config push.gpgSign if-asked` signs only where the remote takes it",
    "push options": "`git config --unset-all push.pushOption` leaves out what the remote does not take",
    "remote rejected": "a rule, a hook or another ref of the remote refuses the tag, as its words say; a job on GitHub "
    "needs `permissions: {contents: write}`",
}
_OF_REMOTE = pattern(r"\bremote: *(.*\S)")
# Lines of the remote that a message repeats: hosts explain a rule in a few, and hooks may print pages.
_LINES_OF_REMOTE = 4
# Seconds. The whole history of a large repository takes minutes to fetch; a remote that stops answering must not block
# a CI job for ever.
_FETCH_TIMEOUT = 600.0
# Seconds. A push sends one tag, with `--force-unpushed` also the commits that the remote lacks, and hooks of the remote
# run meanwhile. A remote that stops answering must not block a CI job.
_PUSH_TIMEOUT = 120.0


def create_tag(root: str, name: str, commit: str, message: str, env: Mapping[str, str]) -> None:
    """Make the annotated git tag `name` on `commit`.

    Raises `TagConflict` when the tag exists, `GitError` when git refuses, for example without an identity or because
    of an invalid name.
    """
    git = _Writer(root, env)
    if git.has(f"refs/tags/{name}"):
        raise TagConflict(f"git tag `{name}` exists already", hint=f"look at it with `git show {name}`")
    try:
        git.run("tag", "--annotate", f"--message={message}", "--", name, commit)
    except _command_error() as error:
        told = _told(error)
        raise GitError(f"git tag `{name}` could not be made: {told}", hint=_hint_for_tag(told)) from error
    # Git 2.39 exits 0 and makes the tag without a signature if `gpg.format` is `ssh` and the key cannot be used.
    if git.answer("config", "--type=bool", "--get", "tag.gpgSign") == "true" and not _SIGNATURE.search(
        git.answer("cat-file", "tag", f"refs/tags/{name}")
    ):
        git.run("tag", "--delete", "--", name)
        raise GitError(f"git tag `{name}` could not be made: git did not sign it", hint=_SIGN)


def _hint_for_tag(told: str) -> str:
    """What helps against git's reason not to make a tag."""
    if any(
        one in told
        for one in ("empty ident", "Please tell me who you are", "auto-detect", "no name was given")
    ):
        return '`git config user.name "…"` and `git config user.email …`'
    if any(one in told for one in ("gpg", "sign", "Load key", "public key", "passphrase")):
        return _SIGN
    if "cannot lock ref" in told or "Permission denied" in told or "nable to create" in told:
        return (
            "check the rights and the room in `.git`, and that no tag is a folder of the other (`v1`, `v1/x`)"
        )
    return "`git tag` has to work here by hand"


def push_tag(root: str, name: str, env: Mapping[str, str], *, remote: str = "origin") -> None:
    """Push the git tag `name` without replacing one on the remote.

    If the push fails, the local tag is deleted, so that the command can be repeated. Raises `TagConflict` if the remote
    has another tag called `name`, `GitError` for any other failure.
    """
    git = _Writer(root, env)
    ref = f"refs/tags/{name}"
    try:
        # `push.followTags` of the user would push other tags, too, which may start releases. One ref needs no
        # `--atomic`, which some hosts refuse.
        git.run("push", "--no-follow-tags", "--", remote, f"{ref}:{ref}", timeout=_PUSH_TIMEOUT)
    except _command_error() as error:
        told = _told(error)
        git.run("tag", "--delete", "--", name)
        if "already exists" in told:
            raise TagConflict(
                f"`{remote}` has another git tag `{name}`",
                hint=f"`git fetch {remote} tag {name}` shows it",
            ) from error
        helps = next(
            (hint for part, hint in _HINTS_FOR_PUSH.items() if part in told),
            "check the remote and the credentials",
        )
        raise GitError(
            f"git tag `{name}` could not be pushed to `{remote}`: {told}{_said_by_remote(error)}",
            hint=f"the local tag was deleted again; {helps}",
        ) from error


def deepen(root: str, env: Mapping[str, str], *, shallow: bool, remote: str = "origin") -> None:
    """Fetch the history and tags that a clone lacks. A tag of the remote replaces a local tag of the same name.

    Tags and branches that only the clone has stay, whatever `fetch.prune` and `fetch.pruneTags` say: they may not be
    pushed yet. `shallow`: whether the clone is shallow; otherwise only new commits and tags are fetched. Raises
    `GitError`.
    """
    arguments = ["--tags", "--force", "--no-prune", "--no-prune-tags", *(["--unshallow"] if shallow else [])]
    try:
        _Writer(root, env).run("fetch", *arguments, "--", remote, timeout=_FETCH_TIMEOUT)
    except _command_error() as error:
        raise GitError(
            f"the history could not be fetched from `{remote}`: {_told(error)}",
            hint=f"check `git ls-remote {remote}` by hand",
        ) from error


class _Writer:
    """Runs git through GitPython in one work tree. `GIT_DIR` names the repository, so git does not search for it."""

    def __init__(self, root: str, env: Mapping[str, str]) -> None:
        from git.cmd import Git

        require_entry(root, env)
        folders = find_places(root, env)
        self._git = Git(root)
        # GitPython adds variables to the environment of this process and cannot remove any. So those that select a
        # repository, which a hook may have set, get the values of this repository.
        self._git.update_environment(
            **git_environment(env)
            | {
                "GIT_DIR": folders.git_dir,
                "GIT_COMMON_DIR": folders.common_dir,
                "GIT_WORK_TREE": folders.root,
                "GIT_OBJECT_DIRECTORY": os.path.join(folders.common_dir, "objects"),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
                "GIT_NAMESPACE": "",
            }
        )

    def run(self, *arguments: str, timeout: float | None = None) -> None:
        """Run `git <arguments>`. `timeout`: seconds. Raises `GitCommandError`."""
        self._git.execute(git_argv(*arguments), kill_after_timeout=timeout)

    def answer(self, *arguments: str) -> str:
        """What `git <arguments>` prints, without the last line break; "" if it fails."""
        code, text, _ = self._git.execute(
            git_argv(*arguments), with_extended_output=True, with_exceptions=False
        )
        return str(text) if code == 0 else ""

    def has(self, ref: str) -> bool:
        """Whether the ref exists."""
        code, _, _ = self._git.execute(
            git_argv("show-ref", "--verify", "--quiet", "--", ref),
            with_extended_output=True,
            with_exceptions=False,
        )
        return code == 0


def _command_error() -> type[Exception]:
    from git.exc import GitCommandError

    return GitCommandError


def _said_by_remote(error: Exception) -> str:
    """The first lines that the remote said, in one line that begins with `: `; "" if it said nothing."""
    said = _OF_REMOTE.findall(str(getattr(error, "stderr", "")))
    text = " / ".join(said[:_LINES_OF_REMOTE])
    return f": {redact(_CREDENTIALS.sub('', text))}" if text else ""


def _told(error: Exception) -> str:
    """Git's message on stderr, in one line, without credentials."""
    text = str(getattr(error, "stderr", "") or error).strip()
    lines = [line.strip().removeprefix("stderr: ").strip("'\" ") for line in text.splitlines()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:", "!"))), None)
    rejected = next((line for line in lines if line.startswith("! ")), None)
    return _CREDENTIALS.sub(
        "", rejected or told or " ".join(line for line in lines if line) or "no reason given"
    )
