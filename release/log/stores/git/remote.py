"""Fetches and pushes the log's refs through a private bare repository in the cache folder.

Credentials that are configured in the clone do not apply to another repository, so they are passed on explicitly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from release.control import Cancel
from release.errors import LogError, LogUnavailable
from release.git.command import git_environment
from release.git.credentials import Credentials, keeps_to_its_host, with_settings
from release.git.failures import reason_in
from release.log.identity import safe_message
from release.log.stores.git.causes import cause_of, hint_for_copy
from release.log.stores.git.outcome import Push, outcome_of
from release.log.stores.git.private_repository import PrivateRepository
from release.ports import Process

# Name of the remote in the private repository.
# The remote's URL may hold a password: it is passed in the environment, since other users can see argument lists.
_REMOTE = "log"
# Turns off settings of the user that would change our pushes and fetches, in addition to the options of `git_argv`.
_QUIET = (
    *("-c", "push.followTags=false", "-c", "push.gpgSign=false"),
    *("-c", "core.logAllRefUpdates=false", "-c", "transfer.fsckObjects=true"),
)


class GitRemote(PrivateRepository):
    """The remote at `url`, and the private repository in the folder `cache` for its refs.

    `push_url`: where pushes go if that is another address (`remote.NAME.pushurl`), or "".
    `timeout`: seconds for one git command.
    """

    def __init__(
        self,
        *,
        process: Process,
        env: Mapping[str, str],
        cache: str,
        url: str,
        push_url: str = "",
        name: str,
        cancel: Cancel,
        monotonic: Callable[[], float],
        credentials: Credentials = Credentials(),  # noqa: B008 - frozen
        timeout: float = 60.0,
    ) -> None:
        pushing = ((f"remote.{_REMOTE}.pushurl", push_url),) if push_url else ()
        settings = ((f"remote.{_REMOTE}.url", url), *pushing, *credentials.settings)
        super().__init__(
            process=process,
            env=with_settings(git_environment(env), settings),
            options=(*_QUIET, *keeps_to_its_host(credentials)),
            cache=cache,
            name=name,
            cancel=cancel,
            monotonic=monotonic,
            timeout=timeout,
        )

    def fetch(self, *refspecs: str, newest: int | None = None, whole: bool = False) -> dict[str, str]:
        """Fetch and prune; returns the private repository's refs. Raises `LogError` if the fetch fails.

        `newest`: commits of each ref that are enough, where the remote can send less than all. `whole`: older commits,
        too, that such a fetch left out.
        """
        options = ["--quiet", "--no-tags", "--prune", "--no-write-fetch-head"]
        depth = [f"--depth={newest}"] if newest else ["--unshallow"] if whole and self.is_shallow() else []
        done = self._git("fetch", *options, *depth, _REMOTE, *refspecs)
        if done.code != 0 and newest and (b"shallow" in done.stderr or not done.stderr):
            # A web server without git's program sends all or nothing, and so do some old ones. Of a repository
            # without commits git wants no depth, and does not say so.
            done = self._git("fetch", *options, _REMOTE, *refspecs)
        if done.code != 0:
            raise self._failed_fetch(done.stderr.decode(errors="replace"), done.code)
        self.is_new = False
        lines = self.read("for-each-ref", "--format=%(objectname) %(refname)").decode().splitlines()
        return {ref: commit for commit, ref in (line.split(" ", 1) for line in lines)}

    def push(self, *updates: str, dry_run: bool = False) -> tuple[Push, ...]:
        """Push without force; returns the outcome of each update (`<commit>:<ref>`, or `:<ref>` to delete).

        The outcome is `unknown` if git does not end in time.
        """
        options = ("--dry-run",) if dry_run else ()
        try:
            done = self._git("push", "--porcelain", "--no-verify", *options, _REMOTE, *updates)
        except LogUnavailable as error:
            return tuple(Push(outcome="unknown", reason=error.message) for _ in updates)
        out, err = done.stdout.decode(errors="replace"), safe_message(done.stderr.decode(errors="replace"))
        return tuple(outcome_of(done.code, out, err, update.rpartition(":")[2]) for update in updates)

    def failure(self, push: Push) -> LogError:
        """The error for a push that failed."""
        return self._failure(push, "written")

    def _failed_fetch(self, text: str, code: int) -> LogError:
        """The error for a fetch that failed: at the remote, or because the private repository has no room."""
        if hint := hint_for_copy(text, self._room(), ""):
            return LogError(
                f"version log `{self._name}` cannot be read: {safe_message(reason_in(text))}", hint=hint
            )
        return self._failure(outcome_of(code, "", text, ""), "read")

    def _failure(self, push: Push, done: str) -> LogError:
        message = f"version log `{self._name}` cannot be {done}: {safe_message(push.reason)}"
        if (cause := cause_of(push.reason)) is not None:
            return cause.error(message, hint=cause.hint)
        if self._cache in push.reason or "bad object refs/" in push.reason:
            return self._damaged(f"cannot be {done}: {safe_message(push.reason)}")
        if push.outcome == "refused":
            return LogError(
                message,
                hint="the token needs the right to push there (on GitHub `permissions: {contents: write}`); "
                "a pull request from a fork never has it",
            )
        return LogUnavailable(message, hint="check the network and the remote, then run again")
