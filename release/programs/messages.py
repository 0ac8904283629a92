"""Reads error messages of other programs: recognizes a full disk, and shortens a message around its cause. Pure."""

from __future__ import annotations

import re

from release.lazy_pattern import pattern

#: `strerror(3)` of ENOSPC and EDQUOT, as a regular expression without regard to case. That of EFBIG, "File too large",
#: has other causes in the commands of a build.
FULL_DISK = r"no space left on device|disk quota exceeded"
_FULL = pattern(FULL_DISK, re.IGNORECASE)
_GAP = " … "


def tells_full_disk(text: str) -> bool:
    """Whether the text says that a disk is full, or the quota of a user."""
    return _FULL.search(text) is not None


def shortened(text: str, most: int) -> str:
    """The text, or its start and its end with at most `most` characters.

    Programs put what they were doing at the start of a message, and the cause at the end.
    """
    if len(text) <= most:
        return text
    start = most // 3
    return text[:start] + _GAP + text[start + len(_GAP) - most :]
