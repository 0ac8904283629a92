"""All exception classes of shipmark, as a tree; each branch has its own exit code.

ReleaseError          1  unexpected failure
├─ ConfigError        2  usage or configuration
├─ GitError           3  NoRepository, NoCommits, BareRepository, DubiousOwnership, DirtyTree, ShallowClone,
│                        AmbiguousVersion, IncompleteTree
├─ BuildError         4  BuilderUnavailable
├─ RegistryError      5  Unreachable, Denied, NotFound, Invalid, DeletionDisabled, DigestMismatch, DamagedBlob
├─ RefusedError       6  TagConflict, StalePlan, InputsChanged, Obstructed
├─ PartialError       7  visible somewhere but not everywhere, or not recorded: run again
├─ LogError           1  LogUnavailable, LogCorrupt (6)
└─ Interrupted      130  Terminated 143

A message says what happened, where and why, in lower case with literals in backticks; `hint` names the action that
helps. The command line prints `error: <message>` and `hint: <hint>`.
"""

from __future__ import annotations

from typing import ClassVar

from release.secrets.redaction import redact


class ReleaseError(Exception):
    """The base class of all errors of shipmark. `hint`: the action that helps, one sentence or a line of YAML, or None.

    Messages quote libraries, git and servers, so passwords in URLs are removed from every message and hint.
    """

    exit_code: ClassVar[int] = 1
    #: The hint of an error that is raised without one: for classes whose causes all have the same remedy.
    usual_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = redact(message)
        hint = hint or self.usual_hint
        self.hint = None if hint is None else redact(hint)
        super().__init__(self.message)


class ConfigError(ReleaseError):
    """Usage or configuration: an unknown key, a bad value, an option that does not fit."""

    exit_code = 2


class GitError(ReleaseError):
    """The state of the git repository does not allow the command."""

    exit_code = 3


class NoRepository(GitError):
    """The working folder is not in a git repository, or does not exist."""


class NoCommits(GitError):
    """The repository, or the branch that is checked out, has no commit."""


class BareRepository(GitError):
    """The folder lies in a bare repository, or in the `.git` of a clone, where no file is checked out."""


class DubiousOwnership(GitError):
    """Git refuses a repository that belongs to somebody else."""


class DirtyTree(GitError):
    """Tracked files differ from the commit."""


class ShallowClone(GitError):
    """The clone lacks history or git tags that the command needs."""


class AmbiguousVersion(GitError):
    """Two version tags of equal precedence name one commit, or the git tag that triggered the run is not at HEAD.

    Also raised if that git tag is at another commit on the remote.
    """


class IncompleteTree(GitError):
    """Files of the commit that the build needs are not in the work tree, such as those of a submodule."""


class BuildError(ReleaseError):
    """The image could not be built."""

    exit_code = 4


class BuilderUnavailable(BuildError):
    """The builder that the build needs is missing or too old, cannot run on this machine, or does not answer."""


class RegistryError(ReleaseError):
    """A registry, the network to it, or authentication failed.

    `status`: HTTP status or None. `code`: the registry's error code (`MANIFEST_UNKNOWN`) or None.
    `retry_after`: seconds that the registry asks to wait, or None. `silent`: seconds that the host was waited for in
    vain, if that is the reason.
    """

    exit_code = 5
    silent = 0.0

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
    """The registry gave no usable answer: refused, reset, timed out, or 5xx after all retries.

    Whether a request took effect may be unknown.
    """


class Denied(RegistryError):
    """The registry answered 401 or 403, or a credential helper or AWS gave no credential."""


class NotFound(RegistryError):
    """A repository, tag, manifest or blob does not exist in the registry or layout, or an image in no known source."""


class Invalid(RegistryError):
    """An answer, archive or layout breaks the specification, or the registry refused an upload as invalid."""


class DeletionDisabled(Invalid):
    """The registry deletes neither tags nor manifests."""


class DigestMismatch(RegistryError):
    """The bytes of a blob or manifest do not have the expected digest."""

    usual_hint = (
        "run the command again; if it fails the same way, the content is damaged where it is stored, or a proxy on the "
        "way changes it"
    )


class DamagedBlob(DigestMismatch):
    """A registry keeps a file of another size under a blob's digest, although the blob was sent again."""


class RefusedError(ReleaseError):
    """A rule of shipmark or its configuration forbids the change."""

    exit_code = 6


class TagConflict(RefusedError):
    """A tag, a git tag or the version log has another image or commit, which shipmark does not overwrite."""


class StalePlan(RefusedError):
    """Something changed since the plan file was written, or the file itself was changed."""


class InputsChanged(RefusedError):
    """An image of this release was pushed before, built from other inputs, or files changed during the build."""


class Obstructed(RefusedError):
    """A folder exists where a file must be written, or a file where a folder is needed; not raised for symlinks."""


class PartialError(ReleaseError):
    """The release is visible on some targets but not all, or not recorded; running again finishes it."""

    exit_code = 7


class LogError(ReleaseError):
    """The version log cannot be read or written."""


class LogUnavailable(LogError):
    """The version log's store does not answer now; a later try may succeed."""


class LogCorrupt(LogError):
    """The version log is damaged: an entry was changed, removed or inserted, or the file is not a log."""

    exit_code = 6
    usual_hint = (
        "restore the log from a copy, such as a mirror or a backup, and check it with `shipmark log verify`; "
        "shipmark changed nothing"
    )


class Interrupted(ReleaseError):
    """SIGINT stopped the command, or the time ran out in which the end of the attempt could be recorded."""

    exit_code = 130


class Terminated(Interrupted):
    """SIGTERM stopped the command."""

    exit_code = 143
