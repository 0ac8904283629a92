"""Why git could not read or write a log's remote: each cause with the hint that helps there. Pure."""

from __future__ import annotations

import re

import msgspec

from release.errors import LogError, LogUnavailable
from release.lazy_pattern import pattern
from release.programs.messages import FULL_DISK


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause of git's errors. `text`: matches git's message. `error`: `LogUnavailable` if a retry may help."""

    text: re.Pattern[str]
    hint: str
    error: type[LogError] = LogError


def _cause(text: str, hint: str, error: type[LogError] = LogError) -> Cause:
    return Cause(text=pattern(text), hint=hint, error=error)


# What git says on a full disk. EFBIG is the limit of a process or of a file system.
_FULL = rf"(?i:{FULL_DISK})|File too large"
_IS_FULL = pattern(_FULL)
# What git says where a write failed without the system's reason, as for lock files of refs.
_UNWRITTEN = pattern(r"couldn't write|unable to write|failed to write|write error|unable to create")
# Bytes. A disk with less room counts as full after a write failed: git deletes what it wrote of a pack by then.
_LITTLE_ROOM = 1 << 20

CAUSES = (
    _cause(
        r"returned error: 30[12378]\b",
        "the remote redirects, and its credential is not sent on: `git remote set-url` the new address",
    ),
    _cause(
        r"does not appear to be a git repository|invalid gitfile format|"
        r"repository '[^']*' not found|Repository not found|project you were "
        r"looking for could not be found",
        "there is no repository at this address, or none that this credential may see: check it with `git ls-remote`; "
        "`log: {store: git, remote: …}` names another",
    ),
    _cause(
        # `git daemon` without its service receive-pack; a web server with plain files.
        r"access denied or repository not exported|service not enabled|Cannot access URL",
        "this address takes no pushes: name one that does with `git remote set-url --push REMOTE URL`, or with `log: "
        "{store: git, remote: …}`",
    ),
    _cause(
        r"pack exceeds maximum allowed size",
        "the remote limits the size of a push (`receive.maxInputSize`): raise that limit",
    ),
    _cause(
        r"dubious ownership",
        "the repository belongs to another user: run as that user, or `git config --global --add safe.directory PATH`",
    ),
    _cause(
        r"Host key for .* has changed",
        "the host has another SSH key than `~/.ssh/known_hosts` says: either the key was replaced, or another host "
        "answers; ask who runs the host, and only then `ssh-keygen -R HOST`",
    ),
    _cause(
        r"Host key verification failed",
        "the remote's SSH key is not known here: add it to `~/.ssh/known_hosts` (`ssh-keyscan HOST`) after checking it",
    ),
    _cause(
        r"Permission denied \(|Permission denied, please try again",
        "the host accepts no SSH key of this machine: add a key to the SSH agent, and its public part to the host",
    ),
    _cause(
        r"Authentication failed|could not read (?:Username|Password)|invalid credentials|HTTP Basic: Access denied|"
        r"returned error: 401\b",
        "the remote requires a credential: put a token into the variable `SHIPMARK_LOG_TOKEN`, or configure git's",
    ),
    _cause(
        r"hidden ref",
        "this host reserves that namespace: choose another ref with `log: {store: git, ref: refs/heads/shipmark-log}`",
    ),
    _cause(
        r"' exists; cannot create '",
        "another ref of the remote stands in the way: `git ls-remote` shows it; delete that ref, or choose another "
        "name with `log: {store: git, ref: …}`",
    ),
    _cause(
        r"hash algorithm|mismatched algorithms|object format",
        "the remote stores objects under SHA-256, the log's commits have SHA-1: choose a remote made without "
        "`--object-format=sha256`",
    ),
    _cause(
        r"transport '[^']*' not allowed",
        "git's setting `protocol.allow`, or that of this protocol, forbids this kind of address: choose another",
    ),
    _cause(
        r"GH00[0-9]|GH013|hook declined|aborted by hook|protected branch",
        "a rule or a hook of the remote refuses the ref: give the token the right to push there (on GitHub "
        "`permissions: {contents: write}`), exempt the ref, or choose another with `log: {store: git, ref: …}`",
    ),
    _cause(
        r"certificate problem|certificate verify failed|unable to get local issuer|server certificate",
        "git does not trust the authority of the remote's certificate: name that authority's certificate file in "
        "`http.sslCAInfo` of git's configuration, or in `GIT_SSL_CAINFO`",
    ),
    _cause(
        r"[Cc]ould not resolve host|Name or service not known",
        "check the host's name in the remote's URL, and the name servers of this machine",
        LogUnavailable,
    ),
    _cause(
        r"Connection refused|Failed to connect|Couldn't connect|Connection timed out|No route to host",
        "nothing answers at the remote's address: check host and port, and the network, then run again",
        LogUnavailable,
    ),
    _cause(
        r"Unable to create '[^']*\.lock': File exists",
        "a git process that was killed left this file: if no other works there, delete it in the remote repository",
        LogUnavailable,
    ),
    _cause(_FULL, "make room on the disk of the remote repository, then run again"),
    _cause(
        r"[Rr]ead-only file system|insufficient permission|unable to (?:write|create)|unpacker error",
        "the remote repository cannot store objects: check its disk and the rights of its folder, then run again",
        LogUnavailable,
    ),
)


def hint_for_copy(text: str, room: int, otherwise: str) -> str:
    """What helps where git failed in the private copy of the log. `text`: of git. `room`: bytes free on its disk."""
    if _IS_FULL.search(text) or (room < _LITTLE_ROOM and _UNWRITTEN.search(text)):
        return "make room on the disk with the cache folder (SHIPMARK_CACHE_DIR), then run again"
    return otherwise


def cause_of(reason: str) -> Cause | None:
    """The known cause of git's message `reason`; None for any other message."""
    return next((one for one in CAUSES if one.text.search(reason)), None)
