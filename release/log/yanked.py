"""Collects which versions were taken back, when and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from release.log import Entry
from release.log.status_fold import StatusFold
from release.versions.semver import version_of_name


class Yank(msgspec.Struct, frozen=True, kw_only=True):
    """The log entry that took one version back: position, time and reason."""

    seq: int
    at: str
    project: str
    version: str
    reason: str


Yanks = dict[tuple[str, str], Yank]


class YankFold:
    """The yanks in force, fed entry by entry. `yanks`: (project, version) -> the first yank since it last counted."""

    def __init__(self) -> None:
        self.yanks: Yanks = {}
        self._statuses = StatusFold()

    def add(self, entry: Entry) -> None:
        """Change the yanks as an entry says; entries of other kinds change nothing."""
        for key in self._statuses.add(entry.fields):
            if self._statuses.valid[key].status != "yanked":
                self.yanks.pop(key, None)
                continue
            yank = Yank(
                seq=entry.seq,
                at=str(entry.fields.get("at", "")),
                project=key[0],
                version=key[1],
                reason=str(entry.fields.get("reason", "")),
            )
            self.yanks.setdefault(key, yank)


def yanks_of(entries: Iterable[Entry]) -> Yanks:
    """The yanks in force; versions that count again are left out."""
    folding = YankFold()
    for entry in entries:
        folding.add(entry)
    return folding.yanks


class Named(Protocol):
    """A release, as far as yanks are about it."""

    @property
    def project(self) -> str:
        """The project."""

    @property
    def version(self) -> str:
        """The version without a rebuild; `""` if there is none."""

    @property
    def name(self) -> str:
        """The version with its rebuild: `1.4.2_r1`."""

    @property
    def state(self) -> str:
        """How far the release came."""


def names_of(name: str) -> tuple[str, ...]:
    """The names by which a build may be taken back: its version, and for a rebuild (`1.4.2_r1`) its own name."""
    found = version_of_name(name)
    return (name,) if found is None or not found[1] else (str(found[0]), name)


def yank_named(yanks: Yanks, project: str, name: str) -> Yank | None:
    """As `yank_of`, for what an entry calls the release, such as `1.4.2_r1`."""
    return _first(yanks, project, names_of(name))


def yank_of(yanks: Yanks, release: Named) -> Yank | None:
    """The yank of the release's version, which covers its rebuilds, or of this build alone (`1.4.2_r1`)."""
    if not release.version or release.state != "released":
        return None
    return _first(yanks, release.project, (release.version, release.name))


def _first(yanks: Yanks, project: str, names: tuple[str, ...]) -> Yank | None:
    return next((yank for name in names if (yank := yanks.get((project, name))) is not None), None)
