"""Counts the newest releases for `newest: N`: whole releases in a total order, without their parts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from release.retention.policy import KeepRule
from release.retention.snapshot import HeldTag, History, LoggedRelease
from release.retention.times import Ages
from release.versions.model import Version
from release.versions.semver import precedence_key


class Selected(msgspec.Struct, frozen=True, gc=False):
    """A tag that a rule selects, the version that the tag names, and the component whose it is (see `Naming`)."""

    tag: HeldTag
    version: Version | None
    owner: str = ""


class Rank(msgspec.Struct, frozen=True, gc=False):
    """The place of a tag's release among `of` releases of its group, from 1; place 0: its time is not known."""

    place: int
    of: int


def rank_tags(rule: KeepRule, selected: Iterable[Selected], ages: Ages) -> dict[str, Rank]:
    """The place of each selected tag, by its name.

    A release is a version with all of its rebuilds, or else a digest. A release whose time is needed and not known gets
    place 0: it stays, and takes no other's place.
    """
    groups: dict[Any, dict[Any, Any]] = {}
    places: dict[str, tuple[Any, Any]] = {}
    for one in selected:
        group, release, order = _place(rule, one, ages)
        places[one.tag.name] = (group, release)
        held = groups.setdefault(group, {})
        if release not in held or (order is not None and order > held[release]):
            held[release] = order
    ranks = {}
    for group, orders in groups.items():
        known = sorted(
            (key for key in orders if orders[key] is not None), key=lambda key: orders[key], reverse=True
        )
        ranks.update({(group, key): Rank(at, len(known)) for at, key in enumerate(known, start=1)})
        ranks.update({(group, key): Rank(0, len(known)) for key in orders if orders[key] is None})
    return {name: ranks[place] for name, place in places.items()}


def _place(rule: KeepRule, one: Selected, ages: Ages) -> tuple[Any, Any, Any]:
    """The group of a tag, its release, and what the release is ordered by."""
    version = one.version
    by_version = version is not None and rule.by != "pushed"
    group = (_group(rule, version), by_version, one.owner)
    if version is not None and by_version:
        key = precedence_key(version)
        # Build metadata has no precedence: the text makes the order total.
        return group, (key, str(version)), (key, str(version))
    age = ages.of_tag(one.tag).milliseconds
    if age is None:
        # A release of its own, so that the order of a release is None for all of its tags or for none.
        return group, ("unknown", one.tag.digest), None
    return group, ("known", one.tag.digest), (-age, one.tag.digest)


def _group(rule: KeepRule, version: Version | None) -> Any:
    if version is None:
        return "no version"
    # Prereleases count apart: five release candidates would otherwise push the stable version out of `newest: 5`.
    channel = "release" if version.is_stable else "prerelease"
    if rule.per == "minor":
        return (version.major, version.minor, channel)
    if rule.per == "major":
        return (version.major, channel)
    if rule.per == "channel":
        return version.prerelease.partition(".")[0]
    return channel


def newest_logged(rule: KeepRule, history: History) -> dict[str, str]:
    """The digests of the newest releases in the version log, with the reason why they stay."""
    if rule.log is None:
        return {}
    groups: dict[Any, list[LoggedRelease]] = {}
    for one in history.releases:
        key = (one.component, one.channel if rule.log.per == "channel" else "")
        groups.setdefault(key, []).append(one)
    kept = {}
    for members in groups.values():
        members.sort(key=lambda one: one.seq, reverse=True)
        digests = list(dict.fromkeys(one.digest for one in members))[: rule.log.newest]
        named = {one.digest: one.name for one in reversed(members)}
        kept.update({digest: f"{rule.text}: `{named[digest]}` is in the version log" for digest in digests})
    return kept
