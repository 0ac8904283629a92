"""Turns the last lines of a failed build by buildah or podman into an error with a hint. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from release.errors import BuildError
from release.hints import CHECK_SOURCE
from release.lazy_pattern import pattern
from release.programs.messages import shortened, tells_full_disk

_ERROR = pattern(r"Error: (?P<text>.*)")
_LOGGED = pattern(r'time="[^"]*" level=(?:error|fatal) msg="(?P<text>(?:[^"\\]|\\.)*)"')
_STEP = pattern(r'building at STEP "[^"]*(?:\\.[^"]*)*": ')
_ENDED = pattern(r"(?:while running runtime: )?exit status (?P<code>[0-9]+)")
_SEVERAL = pattern(r".*[0-9]+ errors? occurred:")  # each error is on a line of its own
#: A part of the message -> the hint for it. The first part that the message contains decides.
_HINTS = (
    (
        "exec format error",
        "the machine cannot run programs of this platform: install QEMU (binfmt), or copy files only",
    ),
    (
        "requires at least one argument",
        "its variables are empty: give them a default, such as `${PORT:-8080}`, or remove the line",
    ),
    ("exit status", "the lines above are what the command wrote"),
    ("no image found in", "take a base image that exists for the platform, or remove it from `platforms:`"),
    ("initializing source docker://", "check the image's name, and that this machine can reach its registry"),
    ("no such file or directory", CHECK_SOURCE),
    (
        "operation not permitted",
        "the program may not make containers here: set BUILDAH_ISOLATION=chroot, or run as root",
    ),
)
# Storage and temporary files of the programs lie in the build's private folder, see `builder.py`.
_FULL_DISK = "make room on the disk of the cache folder (SHIPMARK_CACHE_DIR): all of the build lies there"
#: What the programs say in place of the system's error where a thread that packs a layer meets a full disk.
_PERHAPS_FULL = ("inconsistent layer size", "to file: io: read/write on closed pipe")
_LONGEST = (
    600  # characters of the program's message that our error quotes; a longer one would fill the terminal
)


def failure(
    said: Sequence[str], *, program: str, where: str, code: int, written: Sequence[str] = ()
) -> BuildError:
    """The error for a failed build.

    `said`: the program's lines, with values of build arguments and secrets hidden. `where`: `Dockerfile:3: `, or empty.
    `written`: those of the failed step that its command wrote.
    """
    text = _reason(said) or f"{program} ended with exit code {code} and without a message"
    return BuildError(f"{where}{shortened(text, _LONGEST)}", hint=_hint(text, written, program))


def _hint(text: str, written: Sequence[str], program: str) -> str:
    if any(map(tells_full_disk, (text, *written))):
        return _FULL_DISK
    if any(mark in text for mark in _PERHAPS_FULL):
        return f"see whether the disk of the cache folder (SHIPMARK_CACHE_DIR) is full: {program} often fails so then"
    lowered = text.lower()
    return next(
        (hint for mark, hint in _HINTS if mark in lowered), f"the lines above are what {program} wrote"
    )


def _reason(said: Sequence[str]) -> str:
    """The message in the last line that reports an error; without one, the last line that is not blank."""
    for number in range(len(said) - 1, -1, -1):
        match = _ERROR.match(said[number]) or _LOGGED.match(said[number])
        if match is not None:
            text = _STEP.sub("", match["text"], count=1)
            if _SEVERAL.fullmatch(text):
                parts = [line.strip(" \t*") for line in said[number + 1 :]]
                text = max(parts, key=_weight, default=text)
                # In front of the reason, the program repeats the whole instruction.
                text = ": ".join(text.split(": ")[-2:])
            ended = _ENDED.fullmatch(text)
            return text if ended is None else f"the command ended with exit code {ended['code']}"
    return next((line for line in reversed(said) if line.strip()), "")


def _weight(text: str) -> bool:
    """Whether one of `_HINTS` is for this text of an error."""
    return tells_full_disk(text) or any(mark in text.lower() for mark, _ in _HINTS)
