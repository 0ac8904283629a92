"""The state of a log for questions: of one release, one tag, one digest, or of the versions of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from release.log import Entry
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import of_release, sets_tag
from release.log.catalog.terms import (
    deployed_term,
    project_term,
    status_term,
    tag_term,
    version_term,
)
from release.log.catalog.wanted import has_release, is_about_status, is_any, is_deployment
from release.log.fold import fold
from release.log.lazy_entries import Entries
from release.log.records.members import text_of
from release.log.state import LogState, ReleaseState, TagHold
from release.versions.model import Scheme
from release.versions.status import KnownStatus

if TYPE_CHECKING:
    from release.log.answers.deployments import Deployment
    from release.log.answers.mentions import Mention
    from release.log.answers.scope import Scope
    from release.log.catalog.recorded import Lock, RecordedVersions
    from release.log.catalog.tag_holds import NewestHolds, TagHolds
    from release.log.questions import TagThen
    from release.log.yanked import Yanks


class LogView:
    """Answers from entries that it finds through the catalog. `whole` folds every entry, and takes long for a long log.

    Thread-safe. Entries that are added to the catalog later are part of later answers; `whole` and `projects` stay as
    they were first asked for. What answers questions that most commands do not ask is imported late.
    """

    def __init__(self, catalog: Catalog, lock: Lock, folded: Callable[[], LogState]) -> None:
        self._catalog = catalog
        self._lock = lock
        self._folded_whole = folded

    @property
    def is_long(self) -> bool:
        """Whether the log is so long that it has an index: then `whole` takes seconds."""
        return self._catalog.indexed > 0

    @property
    def entries(self) -> Sequence[Entry]:
        """Every entry."""
        return Entries(self._catalog, self._catalog.head.seq + 1)

    @cached_property
    def whole(self) -> LogState:
        """The state of every release and tag."""
        return self._folded_whole()

    @cached_property
    def projects(self) -> frozenset[str]:
        """Every project of the log."""
        with self._lock:
            return frozenset(self._catalog.names("project"))

    def release(self, key: str) -> ReleaseState | None:
        """The release with this key, or None."""
        with self._lock:
            return fold(of_release(self._catalog, key)).release(key)

    def releases_with(self, text: str) -> list[ReleaseState]:
        """The releases with an entry that names a digest, commit or key beginning with `text`, oldest first."""
        with self._lock:
            found = self._catalog.with_hex(text.removeprefix("sha256:"), has_release)
            return self._folded({text_of(entry.fields, "release"): None for entry in found})

    def statuses_of(self, project: str | None = None) -> tuple[KnownStatus, ...]:
        """The valid status of each version that has one, of one project or of all."""
        return self._statuses(project).statuses_of(project)

    def status_of(self, project: str, version: str) -> KnownStatus | None:
        """The valid status of a version."""
        return self._statuses(project).statuses.get((project, version))

    def _statuses(self, project: str | None) -> LogState:
        with self._lock:
            key = ("statuses", project)
            if key not in self._catalog.memory:
                self._catalog.memory[key] = fold(self._about_statuses(project))
            found: LogState = self._catalog.memory[key]
            return found

    def yanks(self, projects: Iterable[str]) -> Yanks:
        """The yanks of some projects' versions."""
        from release.log.yanked import yanks_of

        return {key: yank for one in projects for key, yank in yanks_of(self._about_statuses(one)).items()}

    def deployments(self, scope: Scope, environment: str | None = None) -> tuple[Deployment, ...]:
        """Every recorded deployment; see `answers.deployments`."""
        from release.log.answers.deployments import deployments

        return deployments(self.deployed(scope), scope, environment=environment)

    def deployed(self, scope: Scope) -> list[Entry]:
        """The entries of the kind `deployed`, oldest first."""
        with self._lock:
            return _in_order(
                entry
                for project in self.covered(scope)
                for entry in self._catalog.with_text(deployed_term(project), partial(is_deployment, project))
            )

    def covered(self, scope: Scope) -> list[str]:
        """The projects of the log that the scope covers, sorted."""
        return sorted(project for project in self.projects if scope.covers(project))

    def mentions(self, digest: str) -> tuple[Mention, ...]:
        """See `answers.mentions.find`. Raises `ConfigError`."""
        from release.log.answers.mentions import find, require_digest

        start = require_digest(digest)
        with self._lock:
            found = self._catalog.with_hex(start.removeprefix("sha256:"), is_any)
            return find(_in_order(found), start)

    def about(self, release: ReleaseState) -> list[Entry]:
        """The entries of a release, those that name its image, and those about the status of its project's versions."""
        with self._lock:
            found = of_release(self._catalog, release.key)
            if release.image is not None:
                digits = release.image.digest.removeprefix("sha256:")
                found += self._catalog.with_hex(digits, is_any)
            return _in_order([*found, *self._about_statuses(release.project)])

    def of_scope(self, scope: Scope) -> Iterator[Entry]:
        """The entries about the projects and components of a scope, oldest first, read while they are used."""
        covers = cache(scope.covers)
        if scope.projects is None and scope.components is None:
            with self._lock:
                yield from self._catalog.oldest(None, is_any)
            return
        projects = self.covered(scope)
        terms = None if len(projects) == len(self.projects) else [project_term(one) for one in projects]
        with self._lock:
            yield from self._catalog.oldest(
                terms, lambda fields: covers(text_of(fields, "project"), text_of(fields, "component"))
            )

    def entry(self, seq: int) -> Entry:
        """The entry at a position that the log has."""
        with self._lock:
            return self._catalog.at(seq)

    def recorded(self, project: str, scheme: Scheme) -> RecordedVersions:
        """The released versions of a project, for the guard of moving tags."""
        from release.log.catalog.recorded import RecordedVersions

        return RecordedVersions(self._catalog, self._lock, project, scheme)

    # Tags.

    def last_hold(self, target: str, tag: str) -> TagHold | None:
        """What the tag of the target holds, by the log; None if it never had the tag."""
        with self._lock:
            return self._tags.last(target, tag)

    def moved_off(self, target: str, tag: str, digest: str | None) -> int | None:
        """See `TagHolds.moved_off`."""
        with self._lock:
            return self._tags.moved_off(target, tag, digest)

    def holds(self, tag: str, newest: int | None) -> NewestHolds:
        """See `TagHolds.newest`."""
        with self._lock:
            return self._tags.newest(tag, newest)

    def at(self, tag: str, time: str) -> tuple[TagThen, ...]:
        """See `TagHolds.at`."""
        with self._lock:
            return self._tags.at(tag, time)

    @property
    def _tags(self) -> TagHolds:
        from release.log.catalog.tag_holds import TagHolds

        return TagHolds(self._catalog)

    # Releases.

    def named(self, name: str, scope: Scope) -> tuple[ReleaseState, ...]:
        """See `questions.resolve`."""
        with self._lock:
            if found := self.of_version(name, scope):
                return found
            keys: dict[str, None] = {}
            for target, tag in self._tags.named(name):
                entries = self._catalog.with_text(tag_term(target, tag), partial(sets_tag, target, tag))
                keys |= {text_of(entry.fields, "release"): None for entry in entries}
            return _resolved([*self._folded(keys), *self._identified(name)], name, scope)

    def of_version(self, name: str, scope: Scope) -> tuple[ReleaseState, ...]:
        """The releases with the version, build or git tag `name`, oldest first; () if none, as for `latest`."""
        with self._lock:
            keys = {
                text_of(entry.fields, "release"): None
                for entry in self._catalog.with_text(version_term(name), has_release)
            }
            found = _resolved(self._folded(keys), name, scope)
            return found if any(name in (one.version, one.name, one.git_tag) for one in found) else ()

    def newest(self, scope: Scope, limit: int) -> tuple[list[ReleaseState], int]:
        """The newest releases of a scope without components, newest first, and how many there are in all."""
        from release.log.catalog.newest_releases import count_of_releases, newest_releases

        with self._lock:
            projects = self.covered(scope)
            found = newest_releases(self._catalog, frozenset(projects), limit, self.release)
            return found, count_of_releases(self._catalog, projects, lambda: self.whole)

    def _identified(self, name: str) -> list[ReleaseState]:
        text = name.removeprefix("sha256:")
        is_hex = len(text) >= 7 and not text.strip("0123456789abcdef")
        return self.releases_with(text) if is_hex else []

    def _folded(self, keys: Iterable[str]) -> list[ReleaseState]:
        found = [self.release(key) for key in keys if key]
        return sorted((one for one in found if one is not None), key=lambda one: one.planned_seq)

    def _about_statuses(self, project: str | None) -> list[Entry]:
        with self._lock:
            return _in_order(
                entry
                for one in (self.projects if project is None else (project,))
                for entry in self._catalog.with_text(status_term(one), partial(is_about_status, one))
            )


def _resolved(releases: Iterable[ReleaseState], name: str, scope: Scope) -> tuple[ReleaseState, ...]:
    from release.log.questions import resolve

    ordered = sorted(releases, key=lambda one: one.planned_seq)
    return resolve(LogState(releases={one.key: one for one in ordered}), name, scope)


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    return [one for _, one in sorted({entry.seq: entry for entry in entries}.items())]
