"""Turns the end of a failed build by BuildKit into an error with a hint. Pure.

Exit codes do not tell a failed build, a cancelled one and a missing daemon apart: `buildctl` exits with 1 for all of
them. The messages do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from release.errors import BuildError, BuilderUnavailable
from release.hints import CHECK_SOURCE
from release.lazy_pattern import pattern
from release.programs.messages import shortened, tells_full_disk

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
_ADDRESS = "check the address that `ADD` or `contexts:` names, and that the builder reaches it"
#: A part of BuildKit's message -> the hint for it. The first part that occurs wins, so rarer parts stand above
#: commoner ones.
_HINTS = (
    (
        "exec format error",
        "the builder cannot run programs of this platform: install QEMU (binfmt), or copy files only",
    ),
    ("digest mismatch", "the address has other bytes than `--checksum` says: check them, and correct it"),
    (
        "lint violation found",
        "the warnings above name the lines; `# check=` in the Dockerfile makes errors of them",
    ),
    ("did not complete successfully", "the lines above are what the command wrote"),
    ("executor failed running", "the lines above are what the command wrote"),  # BuildKit before 0.11
    (
        "no match for platform",
        "take a base image that exists for the platform, or remove it from `platforms:`",
    ),
    (
        "failed to resolve source metadata",
        "check the image's name, and that the builder can reach its registry",
    ),
    (
        "failed to create llb definition",
        "check the image's name, and that the builder can reach its registry",
    ),
    ("failed to load cache key", _ADDRESS),
    ("pull access denied", "check the image's name, and that the builder may read it: `docker login`"),
    ("failed to compute cache key", CHECK_SOURCE),
    (
        "network.host is not allowed",
        "the builder has to be created with `--buildkitd-flags '--allow-insecure-entitlement network.host'`",
    ),
    ("dockerfile parse error", "correct that line of the Dockerfile"),
    ("unknown flag", "the program is too old: install a newer buildx or buildctl"),
    ("flag provided but not defined", "the program is too old: install a newer buildx or buildctl"),
)
_FULL_DISK = "make room where the BuildKit daemon keeps its state: `docker buildx prune` or `buildctl prune`"
# Characters of BuildKit's message in our error. Enough for its cause; the message of a failed RUN repeats the whole
# command, which would fill the terminal.
_LONGEST = 600


def failure(
    said: Sequence[str],
    dockerfile: str,
    *,
    step: str | None,
    code: int,
    written: Sequence[str] = (),
    places: Mapping[str, str] = {},
) -> BuildError:
    """The error for a failed build.

    `said`: the program's lines of text, without values. `dockerfile`: the Dockerfile's name, for messages. `step`: the
    name of the step that failed; without one the daemon may be what failed. `written`: the last lines of that step.
    `places`: absolute paths of folders on this machine that the program writes to -> their names in a hint.
    """
    text = _reason(said) or f"the program ended with exit code {code} and without a message"
    lowered = "\n".join(said).lower()
    full = _full_disk_hint(said, written, places)
    if full is None and step is None and any(mark in lowered for mark in _UNREACHABLE):
        return BuilderUnavailable(
            f"BuildKit does not answer any more: {text}",
            hint="see whether it still runs: `docker buildx ls`, or the daemon's own log",
        )
    hint = full or next((hint for mark, hint in _HINTS if mark in lowered), None)
    return BuildError(f"{_where(said, dockerfile)}{text}", hint=hint)


def full_place(said: Sequence[str], places: Iterable[str]) -> str | None:
    """The folder on this machine whose disk was full, by the program's lines; None for none of `places`."""
    full = [line for line in said if tells_full_disk(line)]
    return next((path for path in places if any(f"{path}/" in line for line in full)), None)


def _full_disk_hint(said: Sequence[str], written: Sequence[str], places: Mapping[str, str]) -> str | None:
    """What helps against a full disk: one of `places`, or the daemon's. None if no disk was full."""
    here = full_place(said, places)
    if here is not None:
        return f"make room on the disk of {places[here]}"
    return _FULL_DISK if any(map(tells_full_disk, (*said, *written))) else None


def _reason(said: Sequence[str]) -> str:
    """The message behind BuildKit's prefixes (`ERROR: `) in the last line that has any; else the last line."""
    for line in reversed(said):
        match = _PREFIXES.match(line)
        if match is not None:
            return shortened(line[match.end() :], _LONGEST)
    return next((shortened(line, _LONGEST) for line in reversed(said) if line.strip()), "")


def _where(said: Sequence[str], dockerfile: str) -> str:
    """`Dockerfile:3: `, from the excerpt that BuildKit prints: a line with file and line number, then one of dashes."""
    for line, following in zip(said, list(said)[1:], strict=False):
        match = _PLACE.fullmatch(line.strip())
        if match is not None and _RULE.fullmatch(following.strip()):
            is_ours = dockerfile.rpartition("/")[2] == match["file"]
            return f"{dockerfile if is_ours else match['file']}:{match['line']}: "
    return ""
