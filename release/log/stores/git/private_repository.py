"""The private bare repository of a git log in the cache folder: its lock, and what is read from it and stored in it.

The user's clone is never used: a killed fetch would leave lock files there, and a shallow fetch would change it.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import glob
from io import BytesIO

from git import Repo
from git.exc import GitError as GitPythonError
from gitdb.base import IStream  # type: ignore[import-untyped]  # GitPython's object store, without types

from release.control import Cancel
from release.errors import LogError, LogUnavailable
from release.filesystem.files import read_file, write_hint
from release.git.command import git_argv
from release.git.failures import reason_in
from release.limits import MIB
from release.log.identity import safe_message
from release.log.stores.file_lock import FileLock
from release.log.stores.git.causes import hint_for_copy
from release.log.stores.syscalls import OsFiles
from release.ports import Completed, Process

# Names the commits that `store_commits` wrote.
_WRITTEN = b"refs/written/log"
_WHO = "shipmark <shipmark@shipmark.invalid>"
# Attributes of every path in the private repository, above those of the user and of the system: no program converts
# what is read, not even `diff.default.textconv`.
_ATTRIBUTES = b"* -diff\n"


class PrivateRepository:
    """The private repository in the folder `cache`, which is made if missing. `name`: the log's, for messages.

    `env`: of git's commands. `options`: git's options before each command. `timeout`: seconds for one git command.
    """

    def __init__(
        self,
        *,
        process: Process,
        env: Mapping[str, str],
        options: Sequence[str],
        cache: str,
        name: str,
        cancel: Cancel,
        monotonic: Callable[[], float],
        timeout: float,
    ) -> None:
        self._process = process
        self._env = env
        self._options = options
        self._cache = cache
        self._name = name
        self._timeout = timeout
        #: Whether this process made the private repository, and has not fetched yet.
        self.is_new = False
        # Keeps other processes out of the private repository.
        # `_prepare` deletes the lock files of killed git processes, so no other git process may be running there.
        # Each holder runs one remote command; the wait covers two.
        self._lock = FileLock(
            f"{cache}.lock", files=OsFiles(), cancel=cancel, monotonic=monotonic, timeout=2 * timeout
        )

    @property
    def folder(self) -> str:
        """The folder of the private repository."""
        return self._cache

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the private repository's lock for the body; make the repository if it is missing.

        Raises `LogError` if the lock stays taken, or the folder cannot be used.
        """
        try:
            os.makedirs(os.path.dirname(self._cache), exist_ok=True)
            with self._lock.held():
                self._prepare()
                yield
        except OSError as error:
            raise LogError(
                f"version log `{self._name}`: the cache `{self._cache}` cannot be used: {error.strerror}",
                hint=write_hint(error, "check the rights of that folder; `shipmark cache clean` removes it"),
            ) from error

    def read(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """The output of a local git command. Raises `LogError`."""
        done = self._git(*arguments, stdin=stdin)
        if done.code != 0:
            raise self._failed_here(arguments[0], done.stderr.decode(errors="replace"), done.code)
        return done.stdout

    def contents(self, names: Sequence[str]) -> bytes:
        """What `git cat-file --batch` says of objects.

        `--textconv` converts nothing here: see `_ATTRIBUTES`. But git writes what it may convert through its buffer,
        and any other blob with a system call of its own, which takes a third longer.
        """
        wanted = "".join([f"{name} blob\n" for name in names]).encode()
        return self.read("cat-file", "--batch", "--buffer", "--textconv", stdin=wanted)

    def is_shallow(self) -> bool:
        """Whether the private repository lacks older commits."""
        return os.path.exists(os.path.join(self._cache, "shallow"))

    def unshallow(self, commit: str, parent: str) -> bool:
        """Whether `parent`, which is here with its history, is what the fetch left out before `commit`.

        If so, nothing is missing any more, and git is told.
        """
        path = os.path.join(self._cache, "shallow")
        fields = self.read("cat-file", "commit", commit).partition(b"\n\n")[0].split(b"\n")
        edge = (read_file(path, limit=MIB) or b"").split()
        if edge != [commit.encode()] or b"parent " + parent.encode() not in fields:
            return False
        os.unlink(path)
        return True

    def succeeds(self, *arguments: str) -> bool:
        """Whether a local git command exits with 0."""
        return self._git(*arguments).code == 0

    def store_commit(self, file: str, content: bytes, parent: str | None, message: str, seconds: int) -> str:
        """Write a commit whose tree holds only `file`; returns its id, which is equal for equal arguments.

        Raises `LogError` if the private repository cannot store it.
        """
        try:
            with Repo(self._cache) as repository:
                store = repository.odb.store
                blob = store(IStream(b"blob", len(content), BytesIO(content)))
                tree = b"100644 " + file.encode() + b"\0" + blob.binsha
                tree_id = store(IStream(b"tree", len(tree), BytesIO(tree))).hexsha.decode()
                lines = [f"tree {tree_id}", *([f"parent {parent}"] if parent else [])]
                lines += [f"{role} {_WHO} {max(0, seconds)} +0000" for role in ("author", "committer")]
                commit = "\n".join([*lines, "", message]).encode()
                stored = store(IStream(b"commit", len(commit), BytesIO(commit)))
                return str(stored.hexsha.decode())
        except GitPythonError as error:
            said = str(getattr(error, "stderr", "") or error).strip().removeprefix("stderr: ").strip("'")
            raise self._failed_here("hash-object", said, getattr(error, "status", None)) from error

    def store_commits(self, file: str, contents: Iterable[tuple[bytes, str, int]]) -> str:
        """Write a line of commits as `store_commit` does, in one process; returns the id of the last one.

        `contents`: the content of `file`, the message and the seconds of each commit.
        """
        parts = []
        for content, message, seconds in contents:
            who = f"{_WHO} {max(0, seconds)} +0000"
            text = message.encode()
            parts.append(b"commit %s\nauthor %s\ncommitter %s\n" % (_WRITTEN, who.encode(), who.encode()))
            parts.append(b"data %d\n%s\nM 100644 inline %s\n" % (len(text), text, file.encode()))
            parts.append(b"data %d\n%s\n" % (len(content), content))
        self.read("fast-import", "--quiet", "--force", stdin=b"reset %s\n%s" % (_WRITTEN, b"".join(parts)))
        return self.read("rev-parse", _WRITTEN.decode()).decode().strip()

    def _prepare(self) -> None:
        if not os.path.exists(os.path.join(self._cache, "HEAD")):
            self._make()
        for name in ("HEAD", "config"):
            path = os.path.join(self._cache, name)
            if not os.path.exists(path) or not os.path.getsize(path):
                raise self._damaged(f"cannot be used: `{name}` of its copy is empty or missing")
        self._turn_conversion_off()
        # Lock files of killed git processes: this process holds `exclusive`, so no other git runs here.
        for pattern in ("*.lock", "refs/**/*.lock"):
            for left in glob(os.path.join(self._cache, pattern), recursive=True):
                os.unlink(left)

    def _make(self) -> None:
        """Make the private repository, by a rename: git leaves half of one where it is killed or the disk is full."""
        new = f"{self._cache}.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self._cache, ignore_errors=True)
        done = self._process.run(
            # An empty template: the user's own could install hooks.
            git_argv("init", "--quiet", "--bare", "--template=", new),
            env=self._env,
            timeout=self._timeout,
        )
        if done.code != 0:
            shutil.rmtree(new, ignore_errors=True)
            raise self._failed_here("init", done.stderr.decode(errors="replace"), done.code)
        os.rename(new, self._cache)
        self.is_new = True

    def _turn_conversion_off(self) -> None:
        path = os.path.join(self._cache, "info", "attributes")
        if read_file(path, limit=MIB) == _ATTRIBUTES:
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(_ATTRIBUTES)

    def _git(self, *arguments: str, stdin: bytes = b"") -> Completed:
        try:
            return self._process.run(
                git_argv(*self._options, "--git-dir", self._cache, *arguments),
                cwd=self._cache,
                env=self._env,
                stdin=stdin,
                timeout=self._timeout,
            )
        except TimeoutError as error:
            raise LogUnavailable(
                f"version log `{self._name}` did not answer within {self._timeout:g} s", hint="run again"
            ) from error

    def _damaged(self, found: str) -> LogError:
        """The error for a private repository that git cannot use.

        A power cut leaves files in it empty, since git does not sync what it fetches.
        """
        return LogError(
            f"version log `{self._name}` {found}",
            hint="this machine's copy of the log is damaged, as a power cut leaves it "
            f"(`{self._cache}`): `shipmark cache clean` removes it, and the next command fetches the log again",
        )

    def _failed_here(self, command: str, text: str, code: object) -> LogError:
        """The error for a git command that failed in the private repository. `text`: its stderr."""
        hint = hint_for_copy(text, self._room(), "`shipmark cache clean`, then run again")
        said = safe_message(reason_in(text)) or f"exit code {code}"
        if code == -signal.SIGXFSZ:
            said, hint = (
                "a file would exceed the limit of this process",
                "raise the limit: `ulimit -f unlimited`",
            )
        return LogError(f"version log `{self._name}`: git {command} failed: {said}", hint=hint)

    def _room(self) -> int:
        """Bytes that are free on the private repository's disk."""
        disk = os.statvfs(os.path.dirname(self._cache))
        return disk.f_bavail * disk.f_frsize
