"""Makes image tags of branches, commits and pull requests, and checks whether a tag is valid."""

from __future__ import annotations

import re
from collections.abc import Iterable

from release.lazy_pattern import pattern

# Source: OCI distribution-spec v1.1, "Pulling manifests".
_IMAGE_TAG = pattern(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_OTHER = pattern(r"[^a-z0-9._-]+", re.ASCII)
_RELEASE_LIKE = pattern(
    r"latest|shipmark-status|v?[0-9]+(?:\.[0-9]+){0,2}(?:[-_].*)?|(?:sha|pr|branch)-.*", re.ASCII
)
#: Characters of a branch's tag. Longer names are cut, so that the tag is also a valid Kubernetes label value and DNS
#: label, which have 63 at most.
LONGEST_BRANCH = 63
# Hex digits of the hash that tells branches with equal tags apart. 16 million values are enough for the branches of one
# repository; more would leave less of the branch's name.
_HEX = 6


def is_image_tag(text: str) -> bool:
    """Whether registries accept `text` as a tag."""
    return _IMAGE_TAG.fullmatch(text) is not None


def commit_tag(commit: str) -> str:
    """The tag of a commit: `sha-` and 12 hex digits; git's own short form would grow with the repository."""
    return f"sha-{commit[:12]}"


def request_tag(number: int) -> str:
    """The moving tag of a pull or merge request."""
    return f"pr-{number}"


def request_commit_tag(number: int, commit: str) -> str:
    """The fixed tag of one build of a pull or merge request."""
    return f"pr-{number}-{commit[:12]}"


def branch_tag(branch: str, others: Iterable[str] = (), reserved: Iterable[str] = ()) -> str:
    """The moving tag of `branch`: in lower case, with `-` for each run of other characters.

    The tag has at most 63 characters. A name that reads like a release tag (`latest`, `1.4`, `sha-…`, `pr-7`, one of
    `reserved`) or is `shipmark-status` becomes `branch-…`. Six hex digits of the name's SHA-256 follow where the name
    was cut, and where one of `others` (the branches that are known) would get the same tag, unless `branch` is that tag
    letter by letter: `feature-x` keeps `feature-x`, and `feature/x` beside it becomes `feature-x-4f0c2e`.
    """
    keep = frozenset(reserved)
    tag = _slug(branch, keep)
    cut = len(tag) > LONGEST_BRANCH
    if not cut and tag == branch:
        return tag
    if cut or not tag or any(other != branch and _slug(other, keep) == tag for other in others):
        import hashlib  # imported late: takes longer than the rest of this module

        # `surrogatepass`: a branch's name may contain bytes that are not UTF-8.
        digest = hashlib.sha256(branch.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX]
        return f"{tag[: LONGEST_BRANCH - _HEX - 1].rstrip('-.') or 'branch'}-{digest}"
    return tag


def _slug(branch: str, reserved: frozenset[str]) -> str:
    slug = _OTHER.sub("-", branch.lower()).lstrip("-.").rstrip("-")
    return f"branch-{slug}" if slug in reserved or _RELEASE_LIKE.fullmatch(slug) else slug
