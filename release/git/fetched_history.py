"""Fetches the history that a shallow clone lacks into a private repository, and reads both together.

The clone itself is never changed. The private repository holds the commits behind the edge of the clone, with their
whole history; the clone's own objects are added when git reads. The private repository has no files of the project: the
filter `tree:0` leaves out trees and blobs where the remote supports filters, `blob:none` only blobs.

Several processes may use one private repository at once. A fetch adds a whole pack and a ref of its own name, so it
needs no lock; what counts afterwards is whether the commits are there, not the exit code of the fetch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from glob import escape, glob
from typing import NamedTuple

from release.errors import GitError
from release.git.command import OFFLINE, Git, git_argv, git_environment, with_objects
from release.git.credentials import credentials_of, keeps_to_its_host, with_settings
from release.git.failures import told_by
from release.git.model import ObjectFormat
from release.git.remote import fetch_url
from release.git.repository import find_places, is_git_folder
from release.lazy_pattern import pattern
from release.ports import Completed, Process
from release.secrets.redaction import redact

# Name of the remote in the private repository. Its URL is passed in the environment, since it may hold a password.
_REMOTE = "history"
# Seconds. Commits without trees of a large repository (a million commits) are a few hundred megabytes, which take some
# minutes on a slow line; a remote that stops answering must not block a CI job for ever.
_TIMEOUT = 600.0
# Commits of the edge that are fetched by their ids, each of which is one argument of the command. A shallow clone of
# many branches has more; then all branches and tags are fetched.
_MOST_WANTED = 100
# Commits that are fetched one by one where the remote lacks one of them: each takes a connection.
_MOST_ALONE = 10
# Refs that tell the remote at the next fetch which history is here already. More would make each fetch slower, and the
# newest one usually holds the history of the others.
_KEPT_REFS = 16
# Packs after which git puts all of them into one: each fetch adds a pack, and git searches every one.
_MOST_PACKS = 50
# `scheme://…` and `host:path`: whatever else names a remote is a path.
_URL = pattern(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/]+:")
_SETTINGS = (
    # Each fetch stays one pack: a killed fetch must not leave loose commits without their parents.
    *("-c", "fetch.unpackLimit=1", "-c", "transfer.unpackLimit=1", "-c", "core.logAllRefUpdates=false"),
    # Settings of the user or the machine could write a commit graph, fetch tags, or delete refs.
    *("-c", "fetch.writeCommitGraph=false", "-c", "fetch.prune=false", "-c", "fetch.pruneTags=false"),
)


class Fetched(NamedTuple):
    """The result of a fetch. `git`: reads the whole history, without a connection; None with the `cause`, one line."""

    git: Git | None
    cause: str = ""


class FetchedHistory:
    """The private repository in the folder `path`.

    `root`: the clone's work tree. `remote`: the name of the clone's remote. `object_format`: the clone's, `sha1` or
    `sha256`. `trees`: also fetch trees, which commands that compare files need. `complete`: the clone is not shallow,
    so what it has is not fetched again; then the private repository is of use only together with this clone.
    """

    def __init__(
        self,
        process: Process,
        env: Mapping[str, str],
        *,
        root: str,
        remote: str,
        path: str,
        object_format: ObjectFormat = "sha1",
        trees: bool = False,
        complete: bool = False,
    ) -> None:
        self._process = process
        self._root = root
        self._remote = remote
        # A repository has one format, and the clone in a folder may be replaced by one with the other format.
        self._path = path if object_format == "sha1" else f"{path.removesuffix('.git')}-{object_format}.git"
        self._object_format = object_format
        self._filter = "blob:none" if trees else "tree:0"
        self._env = env
        self._complete = complete
        self._objects = os.path.join(find_places(root, env).common_dir, "objects")

    def of(self, commits: Iterable[str]) -> Fetched:
        """Fetch `commits` and their whole history, unless the private repository has them.

        A failure is not raised: the result has its cause. Only a cancellation raises.
        """
        return self._having(sorted(set(commits)), self._fetch)

    def alone(self, commits: Iterable[str]) -> Fetched:
        """Fetch `commits` without their history, unless the private repository has them: enough to compare their files.

        The reader may lack some of them, such as commits of a branch that was overwritten. Use a private repository of
        its own for this: it becomes shallow. A failure is not raised, as in `of`.
        """
        return self._having(sorted(set(commits)), self._fetch_alone, some=True)

    def tag(self, name: str) -> bytes | None:
        """What `git cat-file --batch` says of the object that the remote's git tag names; None if it cannot be fetched.

        Use a private repository of its own for this: it becomes shallow.
        """
        self._prepare()
        ref = f"refs/history/tags/{name}"
        if self._fetched([f"+refs/tags/{name}:{ref}"], depth=1):
            return None
        return self._run(*self._here("cat-file", "--batch"), stdin=f"{ref}\n".encode()).stdout

    def _having(self, wanted: list[str], fetch: Callable[[list[str]], str], *, some: bool = False) -> Fetched:
        """A reader with the commits `wanted`, or with `some` of them, none included.

        `fetch`: fetches them and returns the reason of a failure, or "".
        """
        try:
            self._prepare()
            if self._lacks(wanted):
                cause = fetch(wanted)
                if not some and self._lacks(wanted):
                    return Fetched(
                        git=None, cause=cause or "the remote does not have the commits of this clone"
                    )
        except TimeoutError:
            return Fetched(git=None, cause=f"no answer within {_TIMEOUT:g} s")
        except (OSError, GitError) as error:
            return Fetched(git=None, cause=getattr(error, "message", None) or str(error))
        return Fetched(git=self._reader())

    def _reader(self) -> Git:
        return Git(self._process, self._root, self._env, git_dir=self._path, objects=self._objects)

    def _prepare(self) -> None:
        if is_git_folder(self._path):
            return
        # git-init(1): the option exists since git 2.29, which is also the first that reads such a clone.
        form = () if self._object_format == "sha1" else (f"--object-format={self._object_format}",)
        # An empty template: the user's own could install hooks.
        self._must("init", "--quiet", "--bare", "--template=", *form, self._path, folder=self._root)

    def _lacks(self, wanted: Collection[str]) -> bool:
        text = "".join(f"{commit}^{{commit}}\n" for commit in wanted).encode()
        done = self._run(*self._here("cat-file", "--batch-check"), stdin=text)
        # Lines are `<object> commit <size>`, or `<name> missing`.
        return done.stdout.count(b" commit ") != len(wanted)

    def _fetch(self, wanted: Collection[str]) -> str:
        """Fetch by commit ids, else all branches and tags. Returns the reason of a failure, or ""."""
        self._tidy()
        specs = [f"+{commit}:refs/history/{commit}" for commit in wanted]
        cause = self._fetched(specs) if len(specs) <= _MOST_WANTED else "too many commits"
        # A remote without protocol version 2 gives only what a ref names.
        return cause and self._fetched(
            ["+refs/heads/*:refs/history/heads/*", "+refs/tags/*:refs/history/tags/*"]
        )

    def _fetch_alone(self, wanted: Collection[str]) -> str:
        """Fetch commits by their ids, with their trees and without their parents."""
        self._tidy()
        specs = [f"+{commit}:refs/history/{commit}" for commit in wanted]
        cause = self._fetched(specs, depth=1)
        if cause and 1 < len(specs) <= _MOST_ALONE:
            # The remote refuses all if it lacks one.
            for spec in specs:
                self._fetched([spec], depth=1)
        return cause

    def _fetched(self, specs: list[str], *, depth: int | None = None) -> str:
        credentials = credentials_of(self._process, self._root, self._env)
        url = self._url()
        if url is None:
            return f"the clone has no remote `{self._remote}`"
        env = with_settings(
            git_environment(self._env), ((f"remote.{_REMOTE}.url", url), *credentials.settings)
        )
        if self._complete:
            # Git tells the remote the refs of the clone, and gets only what is not in their history.
            env |= with_objects(self._objects)
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", f"--filter={self._filter}"]
        options += [] if depth is None else [f"--depth={depth}"]
        done = self._process.run(
            git_argv(
                *_SETTINGS,
                *keeps_to_its_host(credentials),
                f"--git-dir={self._path}",
                *("fetch", *options, _REMOTE, *specs),
            ),
            cwd=self._path,
            env=env,
            timeout=_TIMEOUT,
        )
        return "" if done.code == 0 else redact(told_by(done))

    def _url(self) -> str | None:
        """The URL of the clone's remote. A relative path, which counts from the clone's top, is made absolute."""
        url = fetch_url(Git(self._process, self._root, self._env), self._remote)
        if url is None:
            return None
        return url if _URL.match(url) else os.path.normpath(os.path.join(self._root, url))

    def _tidy(self) -> None:
        """Delete all but the newest refs, and combine the packs if there are many."""
        order = ("--sort=-creatordate", "--format=%(refname)", "refs/history")
        refs = self._run(*self._here("for-each-ref", *order)).stdout.decode("utf-8", "replace").split()
        if len(refs) > _KEPT_REFS:
            old = "".join(f"delete {ref}\n" for ref in refs[_KEPT_REFS:])
            self._run(*self._here("update-ref", "--stdin"), stdin=old.encode())
        if len(glob(os.path.join(escape(self._path), "objects", "pack", "*.pack"))) > _MOST_PACKS:
            self._run(*self._here("repack", "-a", "-d", "--quiet"))

    def _here(self, *arguments: str) -> tuple[str, ...]:
        return (f"--git-dir={self._path}", *arguments)

    def _must(self, *arguments: str, folder: str) -> None:
        done = self._run(*arguments, folder=folder)
        if done.code != 0:
            raise GitError(
                f"`git {arguments[0]}` failed in `{folder}`: {told_by(done)}",
                hint="`shipmark cache clean` removes what was fetched earlier; then run again",
            )

    def _run(self, *arguments: str, stdin: bytes = b"", folder: str | None = None) -> Completed:
        return self._process.run(
            git_argv(*arguments),
            cwd=folder or self._path,
            env=git_environment(self._env) | OFFLINE,
            stdin=stdin,
            timeout=_TIMEOUT,
        )
