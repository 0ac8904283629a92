"""The whole error tree on one page. Each branch owns one exit code; everything shipmark raises is in it.

ReleaseError          1  unexpected failure
├─ ConfigError        2  usage or configuration
├─ GitError           3  NoRepository, NoCommits, BareRepository, DubiousOwnership, DirtyTree, ShallowClone,
│                        AmbiguousVersion
├─ BuildError         4  BuilderUnavailable
├─ RegistryError      5  Unreachable, Denied, NotFound, Invalid, DigestMismatch
├─ RefusedError       6  TagConflict, StalePlan, InputsChanged, Obstructed
├─ PartialError       7  visible somewhere but not everywhere, or not recorded: run again
├─ LogError           1  LogUnavailable, LogCorrupt (6)
└─ Interrupted      130  Terminated 143

A message says what happened, where and why, in lower case with literals in backticks; `hint` says the exact
action. The command line prints `error: <message>` and `hint: <hint>`.
"""

from __future__ import annotations

from typing import ClassVar

from release.redaction import redact


class ReleaseError(Exception):
    """The root. `hint`: the action that helps, one sentence or a line of YAML, or None.

    What a library, git or a server said becomes part of messages, so the passwords in their URLs are removed here.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = redact(message)
        self.hint = None if hint is None else redact(hint)
        super().__init__(self.message)


class ConfigError(ReleaseError):
    """Usage or configuration: an unknown key, a bad value, an option that does not fit."""

    exit_code = 2


class GitError(ReleaseError):
    """The state of the git repository does not allow what was asked."""

    exit_code = 3


class NoRepository(GitError):
    """There is no git repository here."""


class NoCommits(GitError):
    """The repository, or the branch that is checked out, has no commit."""


class BareRepository(GitError):
    """The repository has no work tree."""


class DubiousOwnership(GitError):
    """Git refuses a repository that belongs to somebody else."""


class DirtyTree(GitError):
    """Tracked files differ from the commit."""


class ShallowClone(GitError):
    """History or tags that the question needs were not fetched."""


class AmbiguousVersion(GitError):
    """Two version tags of equal precedence name one commit, or the triggering tag is elsewhere."""


class BuildError(ReleaseError):
    """The image could not be built."""

    exit_code = 4


class BuilderUnavailable(BuildError):
    """The builder that is needed does not answer."""


class RegistryError(ReleaseError):
    """A registry, the network to it, or authentication failed.

    `status`: HTTP status or None. `code`: the registry's error code (`MANIFEST_UNKNOWN`) or None.
    `retry_after`: seconds that the registry asks to wait, or None.
    """

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Unreachable(RegistryError):
    """No usable answer: refused, reset, timed out, or 5xx to the end of the budget. The outcome may be unknown."""


class Denied(RegistryError):
    """401 or 403: the credential is missing, wrong, or has no right here."""


class NotFound(RegistryError):
    """The registry knows that this does not exist."""


class Invalid(RegistryError):
    """The answer, archive or layout breaks the specification, or the registry refused our content as invalid."""


class DigestMismatch(RegistryError):
    """Bytes are not what their digest says."""


class RefusedError(ReleaseError):
    """Refused by policy; nothing was changed."""

    exit_code = 6


class TagConflict(RefusedError):
    """A fixed tag holds other content, or a git tag names another commit than its released image."""


class StalePlan(RefusedError):
    """What the plan was made on has moved."""


class InputsChanged(RefusedError):
    """The release became visible with other inputs than these."""


class Obstructed(RefusedError):
    """A folder stands where a file belongs, or the other way round. Not a symlink: those are refused as such."""


class PartialError(ReleaseError):
    """Visible somewhere but not everywhere, or not recorded. Running again finishes it."""

    exit_code = 7


class LogError(ReleaseError):
    """The version log cannot be read or written. Before anything is visible this stops the release."""


class LogUnavailable(LogError):
    """The log's store does not answer now; asking again may help."""


class LogCorrupt(LogError):
    """The log's chain is broken: an entry was changed, removed or inserted."""

    exit_code = 6


class Interrupted(ReleaseError):
    """SIGINT."""

    exit_code = 130


class Terminated(Interrupted):
    """SIGTERM."""

    exit_code = 143
