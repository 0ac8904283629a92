"""The status of released versions: taken back, restored, pre-release or stable. Several sources are merged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from release.errors import ConfigError

#: The reserved tag under which a repository tells the statuses of its versions. It names no release.
STATUS_TAG = "shipmark-status"
#: Statuses from the least to the most cautious one. Among statuses with equal numbers the most cautious one counts: two
#: people who decided at once without seeing each other are both heard that way.
_CAUTION = {"stable": 0, "restored": 0, "prerelease": 1, "yanked": 2}


def require_free(tag: str) -> str:
    """`tag`, for an image. Raises `ConfigError` for the reserved tag: an image there would hide what was taken back."""
    if tag == STATUS_TAG:
        raise ConfigError(
            f"the tag `{STATUS_TAG}` is reserved: it says which versions were taken back",
            hint="choose another tag",
        )
    return tag


class KnownStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What somebody decided about a version. gc=False: holds no cycles, and a log may hold many.

    `version`: as in the log; a rebuild by its fixed tag, `1.4.2_r1`. `status`: `yanked` (taken back, counts nowhere),
    `restored` (a yank was taken back), `prerelease` (counts for no stable line), `stable`; other texts come from a
    newer shipmark and count as nothing. `number`: counts the statuses of the version; the highest is valid. `seq`: of
    the log entry that said so; -1 if the log did not. `before`: of a yank, `prerelease` if the version was one.
    """

    version: str
    number: int
    status: str
    reason: str = ""
    commit: str = ""
    seq: int = -1
    before: str = ""

    def outranks(self, other: KnownStatus) -> bool:
        """Whether this status is valid instead of `other`, about the same version."""
        return _rank(self) > _rank(other)

    def says(self, other: KnownStatus) -> bool:
        """Whether `other` has the same version, number and status; reason, commit and source are not compared."""
        return (self.version, self.number, self.status) == (other.version, other.number, other.status)


Statuses = Mapping[str, KnownStatus]  # version -> its valid status


def merged(*sources: Iterable[KnownStatus]) -> dict[str, KnownStatus]:
    """The valid status of each version. Of sources that state the same, the first is kept, with any `before`."""
    found: dict[str, KnownStatus] = {}
    for source in sources:
        for one in source:
            if one.version not in found or one.outranks(found[one.version]):
                found[one.version] = one
            elif one.before and one.says(found[one.version]) and not found[one.version].before:
                found[one.version] = msgspec.structs.replace(found[one.version], before=one.before)
    return found


def with_status(statuses: Statuses, status: str) -> tuple[str, ...]:
    """The versions whose valid status is `status`, sorted."""
    return tuple(sorted(version for version, one in statuses.items() if one.status == status))


def lacking(there: Iterable[KnownStatus], wanted: Iterable[KnownStatus]) -> tuple[KnownStatus, ...]:
    """The statuses of `wanted` that are valid in place of those in `there`, or whose version `there` lacks."""
    present = merged(there)
    return tuple(one for one in wanted if one.version not in present or one.outranks(present[one.version]))


def next_number(statuses: Statuses, versions: Iterable[str]) -> int:
    """One more than the highest number of the given versions; 1 if none has a status."""
    return 1 + max((statuses[one].number for one in versions if one in statuses), default=0)


def _rank(status: KnownStatus) -> tuple[int, int]:
    return status.number, _CAUTION.get(status.status, -1)
