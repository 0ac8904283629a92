"""Which sources of `ADD` lie elsewhere: addresses and git repositories. Anything else is a path in the context.

Source: BuildKit, `isHTTPSource` and `gitutil.ParseGitRef`.
"""

from __future__ import annotations

import re

from release.lazy_pattern import pattern

_GIT = pattern(r"(git|ssh)://|[\w.-]+@[\w.-]+:|https?://[^#?]*\.git(/?[#?].*)?\Z", re.IGNORECASE)
_ADDRESS = pattern(r"https?://", re.IGNORECASE)


def is_git(source: str) -> bool:
    """Whether BuildKit clones the source."""
    return _GIT.match(source) is not None


def is_remote(source: str) -> bool:
    """Whether the source is cloned or downloaded."""
    return is_git(source) or _ADDRESS.match(source) is not None
