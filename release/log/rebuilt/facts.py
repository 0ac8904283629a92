"""Makes the facts that stand in a rebuilt log: of each release, its tags, and the statuses of versions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from release.log.rebuilt.identify import Found, LeftOut, Origin
from release.plan.release_records import status as status_fact
from release.plan.tag_kind import fixed_policy
from release.tagging.labels import INPUTS
from release.versions.semver import parse_either, precedence_key
from release.versions.status import KnownStatus

#: `via` of the entries `built` and `released` in a rebuilt log.
VIA = "rebuilt"
CREATED = "org.opencontainers.image.created"
_PREFIX = "rebuilt from the registry: "

Fact = dict[str, Any]


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """One release on all of its targets; `found` has one for each, in the order of the config."""

    found: tuple[Found, ...]

    @property
    def first(self) -> Found:
        """The release on its first target."""
        return self.found[0]


def joined(found: Iterable[Found]) -> tuple[tuple[Rebuilt, ...], tuple[LeftOut, ...]]:
    """The releases, oldest first, and the tags that hold another image than the same tag of an earlier target."""
    by_key: dict[str, list[Found]] = {}
    left: list[LeftOut] = []
    for one in found:
        there = by_key.setdefault(one.key, [])
        if there and there[0].image.image.digest != one.image.image.digest:
            reason = f"`{there[0].image.target}` holds another image of this release: {there[0].image.image.digest}"
            left += [_left_out(one, tag, reason) for tag in (*one.fixed, *one.moving)]
        else:
            there.append(one)
    releases = [Rebuilt(found=tuple(some)) for some in by_key.values()]
    return tuple(sorted(releases, key=_age)), tuple(left)


def facts_of(release: Rebuilt, origin: Origin, context: Mapping[str, Any]) -> list[Fact]:
    """The facts of one release. `context`: the members of every record of this command.

    The attempt is made from the release key: two commands that rebuild one log at once record each fact once.
    """
    first = release.first
    image = first.image.image
    common = {
        **context,
        "attempt": f"rebuilt-{first.key[:24]}",
        "project": origin.project,
        "component": origin.component,
        "release": first.key,
        "commit": first.commit,
        "evidence": f"{_PREFIX}{first.evidence}",
    }
    named = {"version": first.version, **({"rebuild": first.rebuild} if first.rebuild else {})}
    vouched = {"as_commit": True} if first.as_commit else {}
    short = {"digest": image.digest}
    return [
        {**common, **named, "kind": "planned", **_planned(release)},
        {**common, "kind": "built", "image": msgspec.to_builtins(image), "via": VIA, **vouched},
        *({**common, "kind": "pushed", "image": short, **_pushed(one)} for one in release.found),
        {**common, **named, "kind": "released", "image": short, "via": VIA},
        *({**common, "kind": "moved", **_moved(one)} for one in release.found if one.moving),
    ]


def status_facts(
    statuses: Iterable[tuple[KnownStatus, str]], origin: Origin, context: Mapping[str, Any]
) -> Iterator[Fact]:
    """The facts that versions have a status. `statuses`: each with the tag that holds it, `ghcr.io/a/b:TAG`."""
    for one, where in statuses:
        kind, said = status_fact(one)
        # A record with an attempt is about one release, and a status may be about a version without an image.
        rest = {name: value for name, value in context.items() if name != "attempt"}
        yield {
            **rest,
            **said,
            "kind": kind,
            "project": origin.project,
            "component": origin.component,
            "evidence": f"{_PREFIX}`{where}` says so",
        }


def _planned(release: Rebuilt) -> Fact:
    first = release.first
    targets = [
        {
            "target": one.image.target,
            "required": one.image.required,
            "tags": [
                *({"name": tag, "kind": "fixed"} for tag in one.fixed),
                *({"name": tag, "kind": "moving"} for tag in one.moving),
            ],
        }
        for one in release.found
    ]
    labelled = {"inputs_label": first.image.labels.get(INPUTS, ""), "git_tag": first.git_tag}
    return {
        "channel": first.channel,
        "targets": targets,
        "source": {"commit": first.commit},
        **{name: text for name, text in labelled.items() if text},
    }


def _pushed(one: Found) -> Fact:
    tags = [
        {
            "name": tag,
            "digest": one.image.image.digest,
            "result": "already-there",
            # A calendar version such as `2024.10.1` is not recognised by its name alone.
            "policy": "first-wins" if fixed_policy(tag) == "first-wins" else "version",
        }
        for tag in one.fixed
    ]
    return {"target": one.image.target, "tags": tags}


def _moved(one: Found) -> Fact:
    tags = [{"name": tag, "digest": one.image.image.digest, "result": "already-there"} for tag in one.moving]
    return {"target": one.image.target, "tags": tags}


def _age(release: Rebuilt) -> tuple[float, tuple[Any, ...], int]:
    """Sorts by the time that the image says, which is its commit's, then by version and rebuild."""
    first = release.first
    try:
        order: tuple[Any, ...] = precedence_key(parse_either(first.version))
    except ValueError:
        order = ()
    try:
        made = datetime.fromisoformat(first.image.labels.get(CREATED, "")).timestamp()
    except (ValueError, OverflowError):
        made = 0.0
    return made, order, first.rebuild


def _left_out(one: Found, tag: str, reason: str) -> LeftOut:
    return LeftOut(target=one.image.target, tag=tag, digest=one.image.image.digest, reason=reason)
