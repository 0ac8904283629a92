"""Turns the end of a failed build by BuildKit into an error with a hint. Pure.

Exit codes do not tell a failed build, a cancelled one and a missing daemon apart: `buildctl` exits with 1 for all of
them. The messages do.
"""

from __future__ import annotations

from collections.abc import Sequence

from release.errors import BuildError, BuilderUnavailable
from release.lazy_pattern import pattern

_PLACE = pattern(r"(?P<file>\S.*):(?P<line>[0-9]{1,9})")
_RULE = pattern(r"-{3,}")
_PREFIXES = pattern(
    r"(?:(?:error|ERROR|Error): |failed to build: |failed to solve: |failed to receive status: "
    r"|rpc error: code = \w+ desc = )+"
)
_UNREACHABLE = (
    "cannot connect to the docker daemon",
    "connection refused",
    "connection reset",
    "no such host",
    "failed to list workers",
    "no builder",
    "error reading from server",
    "transport is closing",
    "transport: error while dialing",
    "connection error: desc",
    "failed to connect",
    "code = unavailable",
    "broken pipe",
    "failed to find driver",
    "permission denied while trying to connect",
    "context deadline exceeded",
    "client connection is closing",
)
#: A part of BuildKit's message -> the hint for it. The first part that occurs wins, so rarer parts stand above
#: commoner ones.
_HINTS = (
    (
        "exec format error",
        "the builder cannot run programs of this platform: install QEMU (binfmt), or copy files only",
    ),
    ("no space left on device", "make room where BuildKit keeps its state: `docker buildx prune`"),
    ("digest mismatch", "the address has other bytes than `--checksum` says: check them, and correct it"),
    (
        "lint violation found",
        "the warnings above name the lines; `# check=` in the Dockerfile makes errors of them",
    ),
    ("did not complete successfully", "the lines above are what the command wrote"),
    (
        "no match for platform",
        "take a base image that exists for the platform, or remove it from `platforms:`",
    ),
    (
        "failed to resolve source metadata",
        "check the image's name, and that the builder can reach its registry",
    ),
    ("pull access denied", "check the image's name, and that the builder may read it: `docker login`"),
    ("failed to compute cache key", "check the path, and that `.dockerignore` does not leave it out"),
    (
        "network.host is not allowed",
        "the builder has to be created with `--buildkitd-flags '--allow-insecure-entitlement network.host'`",
    ),
    ("dockerfile parse error", "correct that line of the Dockerfile"),
    ("unknown flag", "the program is too old: install a newer buildx or buildctl"),
    ("flag provided but not defined", "the program is too old: install a newer buildx or buildctl"),
)
# Characters of BuildKit's message in our error. Enough for its cause; the message of a failed RUN repeats the whole
# command, which would fill the terminal.
_LONGEST = 600


def failure(said: Sequence[str], dockerfile: str, *, step: str | None, code: int) -> BuildError:
    """The error for a failed build.

    `said`: the program's lines of text, without values. `dockerfile`: the Dockerfile's name, for messages. `step`: the
    name of the step that failed; without one the daemon may be what failed.
    """
    text = _reason(said) or f"the program ended with exit code {code} and without a message"
    lowered = "\n".join(said).lower()
    if step is None and any(mark in lowered for mark in _UNREACHABLE):
        return BuilderUnavailable(
            f"BuildKit does not answer any more: {text}",
            hint="see whether it still runs: `docker buildx ls`, or the daemon's own log",
        )
    hint = next((hint for mark, hint in _HINTS if mark in lowered), None)
    return BuildError(f"{_where(said, dockerfile)}{text}", hint=hint)


def _reason(said: Sequence[str]) -> str:
    """The message behind BuildKit's prefixes (`ERROR: `) in the last line that has any; else the last line."""
    for line in reversed(said):
        match = _PREFIXES.match(line)
        if match is not None:
            return line[match.end() :][:_LONGEST]
    return next((line[:_LONGEST] for line in reversed(said) if line.strip()), "")


def _where(said: Sequence[str], dockerfile: str) -> str:
    """`Dockerfile:3: `, from the excerpt that BuildKit prints: a line with file and line number, then one of dashes."""
    for line, following in zip(said, list(said)[1:], strict=False):
        match = _PLACE.fullmatch(line.strip())
        if match is not None and _RULE.fullmatch(following.strip()):
            is_ours = dockerfile.rpartition("/")[2] == match["file"]
            return f"{dockerfile if is_ours else match['file']}:{match['line']}: "
    return ""
