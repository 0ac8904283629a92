"""Collects which versions were taken back, when and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from release.log import Entry
from release.log.state import ReleaseState


class Yank(msgspec.Struct, frozen=True, kw_only=True):
    """The log entry that took one version back: position, time and reason."""

    seq: int
    at: str
    project: str
    version: str
    reason: str


Yanks = dict[tuple[str, str], Yank]


def yanks_of(entries: Iterable[Entry]) -> Yanks:
    """(project, version) -> its first yank since it was last restored; versions that count again are left out."""
    found: Yanks = {}
    for entry in entries:
        versions = entry.fields.get("versions")
        if entry.kind not in ("yanked", "restored") or not isinstance(versions, list):
            continue
        for version in versions:
            if entry.kind == "restored":
                found.pop((str(entry.fields.get("project", "")), str(version)), None)
                continue
            yank = Yank(
                seq=entry.seq,
                at=str(entry.fields.get("at", "")),
                project=str(entry.fields.get("project", "")),
                version=str(version),
                reason=str(entry.fields.get("reason", "")),
            )
            found.setdefault((yank.project, yank.version), yank)
    return found


def yank_of(yanks: Yanks, release: ReleaseState) -> Yank | None:
    """The yank of the release's version, which covers its rebuilds, or of this build alone (`1.4.2_r1`)."""
    if not release.version or release.state != "released":
        return None
    names = (release.version, release.name)
    return next((yank for name in names if (yank := yanks.get((release.project, name))) is not None), None)
