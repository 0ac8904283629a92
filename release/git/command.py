"""Runs git with a clean environment and neutral configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from release.errors import GitError, NoRepository
from release.git.failures import DAMAGED, failure
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
            hint=DAMAGED,
        ) from error
