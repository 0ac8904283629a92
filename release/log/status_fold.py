"""Folds the entries about the statuses of versions: yanks, restorations and pre-releases. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.log.records.members import Fields, number_of, text_of
from release.versions.status import KnownStatus

#: Project and version.
Version = tuple[str, str]


class StatusFold:
    """The valid status of each version, fed entry by entry.

    Its number decides, and not the order of the entries: a run that could not reach the log records its decision later,
    with `log import`, and two machines may record at once.
    """

    def __init__(self) -> None:
        self.valid: dict[Version, KnownStatus] = {}

    def add(self, fields: Fields) -> tuple[Version, ...]:
        """Change the statuses as an entry says; return the versions that it is about."""
        project = text_of(fields, "project")
        about = []
        for version, status in _said(fields):
            self._hold((project, version), status, fields)
            about.append((project, version))
        return tuple(about)

    def _hold(self, key: Version, status: str, fields: Fields) -> None:
        before = self.valid.get(key)
        # A yank that shipmark 0.1.0 recorded has no number: it is newer than all earlier statuses in the log.
        number = number_of(fields, "number", 0) or (0 if before is None else before.number) + 1
        said = KnownStatus(
            version=key[1],
            number=number,
            status=status,
            reason=text_of(fields, "reason"),
            seq=number_of(fields, "seq"),
        )
        if before is None or said.outranks(before):
            self.valid[key] = said


def _said(fields: Fields) -> Iterator[tuple[str, str]]:
    """Each version with the status that the entry gives it."""
    kind = text_of(fields, "kind")
    if kind == "status":
        yield text_of(fields, "version"), text_of(fields, "status")
    elif kind in ("yanked", "restored"):
        versions = fields.get("versions")
        for version in versions if isinstance(versions, list) else ():
            yield str(version), kind
