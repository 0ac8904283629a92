"""Names in a trash repository. They tell when an image was put there, and from where, so that no log is needed. Pure.

`20261129T131500Z_3f2a9c1b7d40e5f6_acme_app`: the time, the first 16 digits of the digest, the end of the path.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from release.config.retention import DeleteSection, LimitsSection, RetentionSection
from release.lazy_pattern import pattern
from release.retention.snapshot import Inventory

_TIME = "%Y%m%dT%H%M%SZ"
#: A regular expression of these names.
PATTERN = r"[0-9]{8}T[0-9]{6}Z_[0-9a-f]{16}_.*"
_NAME = pattern(r"([0-9]{8}T[0-9]{6}Z)_([0-9a-f]{16})_(.*)", re.ASCII)
_DIGITS = 16
# Characters of a path that are shown: a tag has at most 128, of which time and digits take 34.
_SHOWN = 90
_UNFIT = pattern(r"[^A-Za-z0-9._-]", re.ASCII)
# No limit for a prune of the trash: what is in it was approved when it was put there.
_NO_LIMITS = LimitsSection(max_delete=1_000_000, max_fraction=1, min_keep=0)


def trash_tag(digest: str, path: str, *, at: int) -> str:
    """The name for the image `digest` of the repository `path`, put into the trash `at` (milliseconds)."""
    time = datetime.fromtimestamp(at / 1000, UTC).strftime(_TIME)
    return f"{time}_{key(digest, path)}"


def put_at(name: str) -> int | None:
    """When the image was put into the trash, in milliseconds; None for a name of another form."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        return round(datetime.strptime(found[1], _TIME).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None


def key_of(name: str) -> str | None:
    """What names of one image have in common, whenever it was put there; None for a name of another form."""
    found = _NAME.fullmatch(name)
    return None if found is None else f"{found[2]}_{found[3]}"


def key(digest: str, path: str) -> str:
    """What the names of the image `digest` of the repository `path` have in common."""
    return f"{digest.partition(':')[2][:_DIGITS]}_{_UNFIT.sub('_', path)[-_SHOWN:]}"


def with_times(inventory: Inventory) -> Inventory:
    """The inventory of a trash, with the times that its names tell. What has no such name stays, of unknown age."""
    tags = tuple(msgspec.structs.replace(tag, moved=put_at(tag.name)) for tag in inventory.tags)
    manifests = {
        digest: msgspec.structs.replace(one, pushed=None, pulled=None)
        for digest, one in inventory.manifests.items()
    }
    return msgspec.structs.replace(inventory, tags=tags, manifests=manifests, tells_times=True)


def emptying(keep: str) -> RetentionSection:
    """The policy for a trash: what was put there longer than `keep` ago goes."""
    return RetentionSection(
        delete=(DeleteSection(pattern=PATTERN, older_than=keep),), grace="0s", limits=_NO_LIMITS
    )
