"""Reads how a `git push --porcelain` ended. Pure. Only status lines and whole sentences at line starts count."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from release.lazy_pattern import pattern

Outcome = Literal["done", "race", "refused", "unknown"]

# Flags of updates that succeeded, in `--porcelain` output. Source: git-push(1), "OUTPUT".
_DONE = frozenset(" +-*=")
# Parts of a rejection's reason when another push moved the ref meanwhile: the writer reads the log again and retries.
_RACE = (
    "fetch first",
    "non-fast-forward",
    "needs force",
    "stale info",
    "already exists",
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "failed to write",
    "incorrect old value provided",
    "reference already exists",
    "atomic push failed",
    "atomic transaction failed",
)
# Whole sentences of git and of git hosts, at the start of a line: names of paths and refs may contain any words.
_FATAL = pattern(
    r"^(?:fatal: |remote: |error: |ERROR: )*(?:"
    r"Authentication failed|could not read (?:Username|Password)|Permission to \S+ denied|Permission denied|"
    r"unable to access '[^']*': The requested URL returned error: (?:401|403)\b|Write access to repository not granted|"
    r"Repository not found|repository '[^']*' not found|'[^']*' does not appear to be a git repository|"
    r"Host key verification failed|invalid credentials|HTTP Basic: Access denied|GH00[0-9]|GH013|"
    r"remote error: (?:access denied or repository not exported|service not enabled)|Cannot access URL |"
    r"ref updates aborted by hook"
    r")",
    re.MULTILINE,
)
# What a lock file in the remote repository makes git say. Another push holds one for milliseconds; a process that was
# killed leaves it for good. No log tells which, so this is no lost race, but an outage that may pass.
_LOCKED = pattern(r"Unable to create '[^'\n]+\.lock': File exists")
# What the remote's unpacking program said. The status line says only `unpacker error`, whatever the reason was.
_UNPACKING = pattern(r"^remote: (?:fatal|error): (.+?) *$", re.MULTILINE)
# Why the remote cannot have the ref beside another one, such as `refs/shipmark`: no other push will change that. Git
# says it beside the status line, which then has a reason of `_RACE`.
_IN_THE_WAY = pattern(r"'[^'\n]+' exists; cannot create '[^'\n]+'")


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """How a push ended. `reason`: git's own explanation, one line."""

    outcome: Outcome
    reason: str = ""


def outcome_of(code: int, stdout: str, stderr: str, ref: str) -> Push:
    """How the push of one ref ended. `unknown`: git's output does not show the outcome; reading the ref does."""
    line = next((line for line in stdout.splitlines() if _is_about(line, ref)), None)
    if line is not None:
        push = _of_status(line)
        if push.outcome == "race" and (found := _IN_THE_WAY.search(stderr)):
            return Push(outcome="refused", reason=found.group())
        if push.outcome == "race" and (found := _LOCKED.search(stderr)):
            return Push(outcome="unknown", reason=found.group())
        if "unpacker error" in push.reason and (found := _UNPACKING.search(stderr)):
            return Push(outcome="refused", reason=found.group(1))
        return push
    if fatal := _FATAL.search(stderr):
        return Push(outcome="refused", reason=stderr[fatal.start() :].splitlines()[0])
    if code == 0 and "Done" in stdout.splitlines():
        return Push(outcome="done")
    lines = [line for line in stderr.splitlines() if line.strip()]
    return Push(outcome="unknown", reason=lines[0] if lines else f"git push ended with {code}")


def _is_about(line: str, ref: str) -> bool:
    # `<flag>\t<from>:<to>\t<summary> (<reason>)`
    parts = line.split("\t")
    return len(parts) >= 3 and len(parts[0]) == 1 and parts[1].rpartition(":")[2] == ref


def _of_status(line: str) -> Push:
    flag, _, summary = line.split("\t", 2)
    if flag in _DONE:
        return Push(outcome="done")
    kind, _, reason = summary.partition(" (")
    reason = reason.rstrip(")") or summary
    if kind in ("[rejected]", "[remote rejected]"):
        # Any other rejection (hook, rule, missing right) would be repeated next time: not a race.
        is_race = any(words in reason for words in _RACE)
        return Push(outcome="race" if is_race else "refused", reason=reason)
    return Push(outcome="unknown", reason=reason)
