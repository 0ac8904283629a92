"""The newest releases of some projects, without folding the whole log, and how many releases there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import of_release
from release.log.catalog.terms import project_term
from release.log.catalog.wanted import has_release
from release.log.fold import fold
from release.log.lazy_entries import Entries
from release.log.records.members import text_of
from release.log.state import LogState, ReleaseState


def newest_releases(
    catalog: Catalog, projects: Collection[str], limit: int, release: Callable[[str], ReleaseState | None]
) -> list[ReleaseState]:
    """The releases of `projects` that began last, newest first, at most `limit`. `release`: folds one, by its key."""
    found: dict[str, ReleaseState] = {}
    folded: dict[str, ReleaseState | None] = {}
    for key, seq in _begun(catalog, projects):
        if len(found) == limit:
            break
        one = folded[key] if key in folded else folded.setdefault(key, release(key))
        if one is not None and one.planned_seq == seq and one.project in projects:
            found[key] = one
    return list(found.values())


def count_of_releases(catalog: Catalog, projects: Collection[str], whole: Callable[[], LogState]) -> int:
    """How many releases of `projects` the log has. `whole`: folds every entry, where the index cannot tell."""
    index = catalog.index
    if index is not None and not index.is_current():
        return len([one for one in whole().releases.values() if one.project in projects])
    counted = index.names("project") if index is not None else {}
    indexed = sum(counted.get(one, 0) for one in projects)
    behind = fold(Entries(catalog, catalog.head.seq + 1)[catalog.indexed :])
    new = [one.key for one in behind.releases.values() if one.project in projects]
    return indexed + sum(of_release(catalog, key)[0].seq >= catalog.indexed for key in new)


def _begun(catalog: Catalog, projects: Collection[str]) -> Iterator[tuple[str, int]]:
    """Keys of releases with the positions of entries about them, newest entries first."""
    entries = (
        catalog.newest()
        if len(projects) != 1
        else catalog.newest_with_text(project_term(next(iter(projects))), has_release)
    )
    for entry in entries:
        if text_of(entry.fields, "project") in projects and has_release(entry.fields):
            yield text_of(entry.fields, "release"), entry.seq
