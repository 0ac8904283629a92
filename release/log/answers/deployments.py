"""Lists deployments: the image that each project runs in each environment, now or at an earlier time. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from release.log import Entry
from release.log.answers.scope import Scope
from release.log.records.members import object_of, text_of


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a project that an environment ran from `since` on.

    `until`: the time of the project's next deployment in that environment; None if the image still runs.

    `target`: where the image was stored when the deployment was recorded. `evidence`: the proof of the deployment, as
    it was recorded.
    """

    environment: str
    project: str
    version: str
    digest: str
    target: str
    since: str
    until: str | None
    evidence: str
    actor: str
    release: str
    seq: int


def deployments(
    entries: Iterable[Entry], scope: Scope, *, environment: str | None = None
) -> tuple[Deployment, ...]:
    """Every recorded deployment in `scope`, sorted by environment and project, then oldest first.

    `environment`: leave out the deployments in all others; None: leave out none.
    """
    found: dict[tuple[str, str], list[Deployment]] = {}
    for entry in entries:
        if entry.kind != "deployed":
            continue
        one = deployment_of(entry)
        if environment not in (None, one.environment) or not scope.covers(one.project):
            continue
        before = found.setdefault((one.environment, one.project), [])
        if before:
            before[-1] = msgspec.structs.replace(before[-1], until=one.since)
        before.append(one)
    return tuple(one for place in sorted(found) for one in found[place])


def running(found: Iterable[Deployment], time: str | None = None) -> tuple[Deployment, ...]:
    """The last deployment of each project in each environment, of `found` (see `deployments`).

    `time`: ignore deployments that began later (see `moment`).
    """
    last: dict[tuple[str, str], Deployment] = {}
    # In the log's order: clocks of different machines may disagree, so that `since` does not order deployments.
    for one in found:
        if time is None or one.since <= time:
            last[one.environment, one.project] = one
    return tuple(last.values())


def deployment_of(entry: Entry) -> Deployment:
    """The deployment that an entry of the kind `deployed` records, as the one that still runs."""
    fields = entry.fields
    return Deployment(
        environment=text_of(fields, "environment"),
        project=text_of(fields, "project"),
        version=text_of(fields, "version"),
        digest=text_of(object_of(fields, "image"), "digest"),
        target=text_of(fields, "target"),
        since=text_of(fields, "at"),
        until=None,
        evidence=text_of(fields, "evidence"),
        actor=text_of(fields, "actor"),
        release=text_of(fields, "release"),
        seq=entry.seq,
    )
