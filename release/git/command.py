"""Runs git with a clean environment and neutral configuration, and turns its failures into `GitError`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from release.errors import BareRepository, DubiousOwnership, GitError, NoCommits, NoRepository
from release.git.repository import require_entry
from release.ports import Completed, Process

#: Configuration for every git command, given before the command's name. Options `-c` override the repository's own
#: configuration, and git passes them on to the git processes that it starts in submodules. The environment variable
#: `GIT_CONFIG_COUNT` would do the same, but only since git 2.31.
NEUTRAL = (
    # Never enter a bare repository inside a work tree: its `config` is a tracked file and could name programs to run.
    # `safe.bareRepository` exists since git 2.38; `require_entry` refuses such a repository with older versions too.
    *("-c", "safe.bareRepository=explicit"),
    # Refuse remotes that name a program (`ext::sh -c …`) or a file descriptor (`fd::3`).
    *("-c", "protocol.ext.allow=never", "-c", "protocol.fd.allow=never"),
    # Run no hooks, no file system monitor and no gpg: `core.hooksPath` often names a tracked folder (`.husky`).
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false"),
    # Fetch and push this repository only, not its submodules.
    *("-c", "submodule.recurse=false", "-c", "fetch.recurseSubmodules=no", "-c", "push.recurseSubmodules=no"),
    # Start no maintenance in the background: the process would outlive the command.
    *("-c", "gc.auto=0", "-c", "maintenance.auto=false"),
)

# The `GIT_…` variables that git processes inherit, such as those for credentials, connections, TLS, configuration and
# the search for a repository. All others are removed, except those of `_KEPT_STARTS`: a hook's `GIT_DIR`, for example,
# would select another repository.
_KEPT = frozenset(
    {
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
        "GIT_HTTP_USER_AGENT",
        "GIT_PROXY_COMMAND",
        "GIT_PROXY_SSL_CAINFO",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_NO_VERIFY",
    }
)
# A commit's history is what its commit objects say, so that every clone gives the same version. `git replace` and the
# file `info/grafts` change it in one clone only. Git ignores a path below a file, without the warning that it prints
# for an existing file.
_OWN_HISTORY = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": f"{os.devnull}/none"}
#: Variables that keep git from opening a connection.
#: In a partial clone, a command that meets a missing object starts `git fetch`, which connects to the remote and writes
#: into the clone. The first variable forbids that since git 2.45; the second allows no protocol, in all versions.
OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
# Prefixes of inherited variables: settings numbered by `GIT_CONFIG_COUNT`, and the identity for tags.
_KEPT_STARTS = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_AUTHOR_", "GIT_COMMITTER_")


def git_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` for a git process: English messages, no prompts on the terminal, only selected `GIT_…` variables.

    `GIT_DIR` and `GIT_INDEX_FILE`, which hooks set, are removed. Configuration in `GIT_CONFIG_…` variables is kept.
    The process does not write the index to refresh it.
    """
    kept = {
        name: value
        for name, value in env.items()
        if not name.startswith("GIT_") or name in _KEPT or name.startswith(_KEPT_STARTS)
    }
    kept.pop("LANGUAGE", None)  # has effect even with LC_ALL=C.UTF-8; `failure` searches English messages
    # `GIT_FLUSH`: git would write each commit of a list for itself, and output is read as a whole here.
    own = {"LC_ALL": "C.UTF-8", "GIT_FLUSH": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    return kept | own | _OWN_HISTORY


def git_argv(*arguments: str) -> list[str]:
    """The argument list of `git <arguments>`. Every git command of shipmark is made with this function."""
    return ["git", "--no-pager", *NEUTRAL, *arguments]


def git_not_found() -> GitError:
    """The error for a machine without git."""
    return GitError("`git` was not found on PATH", hint="install git 2.25 or newer (`apt-get install git`)")


class Git:
    """Runs git commands in one folder, one process for each call. `read` raises if the command fails.

    No command opens a connection, unless `online`. `git_dir`: a private repository that is read in place of the one at
    `directory`, together with the objects in the folder `objects`.
    """

    def __init__(
        self,
        process: Process,
        directory: str,
        env: Mapping[str, str],
        *,
        online: bool = False,
        git_dir: str | None = None,
        objects: str | None = None,
    ) -> None:
        self._process = process
        self._directory = directory
        self._env = git_environment(env) | ({} if online else OFFLINE)
        if objects is not None:
            self._env |= with_objects(objects)
        self._options = () if git_dir is None else (f"--git-dir={git_dir}",)
        self._entered = False

    def run(self, *arguments: str, timeout: float | None = None, stdin: bytes = b"") -> Completed:
        """Run `git <arguments>`; returns any exit code.

        Raises `GitError` if git or the folder is missing or may not be used, if git does not end in time, or if git
        must not enter the repository (`require_entry`).
        """
        if not self._entered:
            require_entry(self._directory, self._env)
            self._entered = True
        try:
            return self._process.run(
                git_argv(*self._options, *arguments),
                cwd=self._directory,
                env=self._env,
                stdin=stdin,
                timeout=timeout,
            )
        except FileNotFoundError as error:
            if error.filename == self._directory:
                raise NoRepository(f"there is no folder `{self._directory}`", hint="check `-C`") from error
            raise git_not_found() from error
        except PermissionError as error:
            raise GitError(
                f"`{error.filename or 'git'}` may not be used: {error.strerror}",
                hint=f"check the rights on `{self._directory}` and on the `git` that PATH finds",
            ) from error
        except TimeoutError as error:
            raise GitError(
                f"`git {arguments[0]}` did not answer within {timeout:g} s",
                hint="look for a git process that waits, such as one for a lock or on a network disk, then run again",
            ) from error

    def read(self, *arguments: str, accept: tuple[int, ...] = (0,), stdin: bytes = b"") -> bytes:
        """The output of `git <arguments>`. Raises from the `GitError` branch for exit codes not in `accept`."""
        done = self.run(*arguments, stdin=stdin)
        if done.code not in accept:
            raise failure(arguments[0], done, self._directory)
        return done.stdout


def with_objects(folder: str) -> dict[str, str]:
    """The variable that adds the objects in `folder` to those of a repository."""
    if ":" in folder or folder.startswith('"'):
        # git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES: `:` separates paths, and a leading `"` begins a quoted path.
        escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
        folder = f'"{escaped}"'
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": folder}


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn a parse error of the body into `GitError`. `what`: the subject of the git output that the body parses."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise GitError(
            f"git's answer about {what} cannot be understood: {error}",
            hint="`git fsck` says what is damaged; a fresh clone helps",
        ) from error


_DAMAGED = "`git fsck` says what is damaged; a fresh clone helps"
_NEWER = "a newer git made this repository: install one that knows its format (`git --version`)"
_SETTING = "correct that line: `git config --list --show-origin` reads every file, and stops at the wrong one"
#: A part of git's message -> what helps.
_HINTS = {
    "unknown repository extension": _NEWER,
    "Expected git repo version": _NEWER,
    "bad config": _SETTING,
    "config value": _SETTING,
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
        return NoRepository(
            f"there is no git repository at `{directory}`",
            hint="run in a clone, or name one with `-C DIR`; `git init` makes one",
        )
    if "must be run in a work tree" in text or "cannot use bare repository" in text:
        return BareRepository(
            f"`{directory}` is in a git repository without a work tree",
            hint="run in a clone that has its files checked out (`git clone`, not `git clone --bare`)",
        )
    if "does not have any commits" in text or "bad default revision" in text:
        return NoCommits(f"the repository at `{directory}` has no commit", hint="commit something first")
    if "promisor remote" in text or "lazy fetching disabled" in text:
        return GitError(
            f"`git {command}` needs objects that this partial clone lacks: {told_by(done)}",
            hint=f"nothing is fetched into a clone: run `git {command}` in it once, which fetches them, "
            "or clone without `--filter`",
        )
    hint = next((hint for part, hint in _HINTS.items() if part in text), _DAMAGED)
    return GitError(f"`git {command}` failed in `{directory}`: {told_by(done)}", hint=hint)


def told_by(done: Completed) -> str:
    """The line on stderr with which git gave up; without one all of stderr in one line, or the exit code."""
    lines = done.stderr.decode("utf-8", "backslashreplace").split("\n")
    told = [line.strip() for line in lines if line.strip()]
    fatal = next((at for at, line in enumerate(told) if line.startswith(("fatal:", "error:"))), None)
    if fatal is not None:
        # Git lists what it means in lines of their own: `fatal: unknown repository extension found:`.
        return " ".join(told[fatal:]) if told[fatal].endswith(":") else told[fatal]
    return " ".join(told) or f"exit {done.code}"
