"""Recognises names that look like versions, whether a scheme can read them or not. Pure."""

from __future__ import annotations

import re

from release.lazy_pattern import pattern

# Two numbers joined by a dot. Digits are limited so that a long name cannot make the search slow.
_VERSION_LIKE = pattern(r"[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)


def looks_like_version(name: str) -> bool:
    """Whether `name` holds two numbers joined by a dot: `v1.4`, `release-1.2.3`; not `nightly`, not `v2`."""
    return _VERSION_LIKE.search(name) is not None
