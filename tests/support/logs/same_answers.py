"""Compares the answers of a catalog, which finds entries by an index, with those of a fold over every entry."""

from __future__ import annotations

import operator
import threading
from typing import Any

from release.errors import TagConflict
from release.log import Entry
from release.log.answers.deployments import deployments
from release.log.answers.mentions import find
from release.log.answers.scope import EVERYTHING, Scope
from release.log.catalog.catalog import Catalog
from release.log.catalog.claims import claims_about, entry_of
from release.log.catalog.view import LogView
from release.log.fold import fold
from release.log.identity import ENVELOPE
from release.log.questions import Filter, resolve, select
from release.log.state import LogState
from release.log.uniqueness import UniqueTags
from release.log.yanked import yanks_of
from release.tagging.line_releases import highest
from release.tagging.model import KnownReleases, KnownVersion, Line
from release.versions.semver import precedence_key, version_of_image_tag
from tests.support.logs.facts import PROJECT, digest, key, planned
from tests.support.logs.random_log import MIRROR, OTHER
from tests.support.logs.reference_answers import at, history


def view_of(catalog: Catalog) -> LogView:
    def whole() -> LogState:
        return fold(catalog.at(seq) for seq in range(catalog.head.seq + 1))

    return LogView(catalog, threading.RLock(), whole)


def same_answers(catalog: Catalog, entries: list[Entry]) -> None:
    """Compare every answer with that of a fold over all entries."""
    view, state = view_of(catalog), fold(entries)
    for name, release in state.releases.items():
        assert view.release(name) == release
        assert release in view.releases_with(release.commit[:9])
    for project in (PROJECT, OTHER, None):
        statuses = sorted(state.statuses_of(project), key=lambda one: one.version)
        assert sorted(view.statuses_of(project), key=lambda one: one.version) == statuses
    yanks = yanks_of(entries)
    assert view.yanks((PROJECT, OTHER)) == yanks
    assert yanks.keys() == {key for key, one in state.statuses.items() if one.status == "yanked"}
    same_tags(view, state, entries)
    same_lists(view, state, entries)
    for name in ("0005", "0030"):
        for wanted in (digest(f"{name}-image"), digest(f"{name}-image-amd64")):
            for length in (14, 20, 30, 71):
                assert view.mentions(wanted[:length]) == find(entries, wanted[:length])
    assert view.mentions("sha256:" + "0" * 64) == ()
    some = list(state.releases.values())[::9]
    for one in some:
        for name in (one.version, one.name, one.git_tag, one.key[:9], one.commit, f"{PROJECT}:{one.version}"):
            assert view.named(name, EVERYTHING) == resolve(state, name), name
    for name in ("production", "unheard-of", ""):
        assert view.named(name, EVERYTHING) == resolve(state, name), name


def same_lists(view: LogView, state: LogState, entries: list[Entry]) -> None:
    for scope in (EVERYTHING, Scope(projects=frozenset({OTHER}))):
        assert view.deployments(scope) == deployments(entries, scope)
        for limit in (1, 7, 1000):
            chosen = select(state, Filter(scope=scope))
            assert view.newest(scope, limit) == (list(chosen[:limit]), len(chosen))


def same_tags(view: LogView, state: LogState, entries: list[Entry]) -> None:
    for (target, tag), holds in state.holds.items():
        assert view.last_hold(target, tag) == holds[-1]
    assert view.last_hold("nowhere", "latest") is None
    times = ["1970", "9999", *(str(entry.fields["at"]) for entry in entries[::23])]
    for tag in (
        "latest",
        "1",
        f"{PROJECT}:latest",
        f"{MIRROR}:latest",
        "production",
        "unheard-of",
        "a:latest",
    ):
        whole = view.holds(tag, None)
        assert (whole.tags, whole.is_whole) == (history(state, tag), True)
        few = view.holds(tag, 3)
        assert {one.target: one.holds for one in few.tags} == {
            one.target: one.holds[-3:] for one in history(state, tag)
        }
        assert few.is_whole == all(len(one.holds) <= 3 for one in history(state, tag))
        for moment in times:
            assert view.at(tag, moment) == at(state, tag, moment), (tag, moment)


def same_versions(catalog: Catalog, entries: list[Entry]) -> None:
    """Compare the versions that the guard asks for with those that a fold lists."""
    view, state = view_of(catalog), fold(entries)
    for project in (PROJECT, OTHER, "nobody"):
        listed = tuple(
            KnownVersion(version=read[0], rebuild=read[1], source="log", commit=commit)
            for version, commit, rebuild in state.released_versions(project)
            if (read := version_of_image_tag(f"{version}_r{rebuild}" if rebuild else version)) is not None
        )
        recorded = view.recorded(project, "semver")
        top = max((one.version.patch for one in listed), default=0)
        for yanked in ((), tuple(str(one.version) for one in listed if one.version.patch > top - 9)):
            whole = KnownReleases(versions=listed, yanked=yanked)
            summary = KnownReleases(recorded=(recorded,), yanked=yanked)
            for line in (
                Line(kind="release"),
                Line(kind="release", major=1),
                Line(kind="release", major=1, minor=3),
                Line(kind="release", major=2),
                Line(kind="release", channel="rc"),
                Line(kind="release", major=1, minor=3, channel="beta"),
            ):
                expected, found = highest(line, whole), highest(line, summary)
                assert (found and (found.version, found.rebuild)) == (
                    expected and (expected.version, expected.rebuild)
                ), line
        key_of = operator.attrgetter("version", "rebuild", "commit")
        assert {key_of(one) for one in recorded.every()} == {key_of(one) for one in listed}
        for floor in [one.version for one in listed[::7]]:
            least = precedence_key(floor)
            higher = {key_of(one) for one in listed if precedence_key(one.version) >= least}
            assert {key_of(one) for one in recorded.every(above=floor)} == higher
        for one in listed[::5]:
            builds = {known.rebuild for known in listed if known.version == one.version}
            assert {known.rebuild for known in recorded.of(one.version)} == builds


def same_claims(catalog: Catalog, entries: list[Entry]) -> None:
    """Compare which facts the log has, and which contradict it, with what all entries together say."""
    claims = UniqueTags()
    for entry in entries:
        claims.add(entry.fields)
    for entry in entries[::3]:
        fact = {name: value for name, value in entry.fields.items() if name not in ENVELOPE}
        assert entry_of(catalog, fact) == entry
        for other in (fact, {**fact, "image": {"digest": digest("other")}} if "image" in fact else fact):
            assert _is_refused(claims, other) == _is_refused(claims_about(catalog, [other]), other)
        if fact["kind"] == "pushed":
            tags = [{**tag, "digest": digest("other")} for tag in fact["tags"]]
            other = {**fact, "release": key("another"), "tags": tags}
            assert _is_refused(claims, other) == _is_refused(claims_about(catalog, [other]), other)
    assert entry_of(catalog, planned("unheard-of")) is None


def _is_refused(claims: UniqueTags, fact: dict[str, Any]) -> bool:
    try:
        claims.require_free([fact])
    except TagConflict:
        return True
    return False
