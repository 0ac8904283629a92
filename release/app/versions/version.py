"""The version of HEAD, and the git tag from which it was calculated."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.app.releases.decide import decide_component
from release.app.releases.tags import situation_locally
from release.app.session import Session
from release.errors import ConfigError
from release.tagging.decide import require_version
from release.tagging.model import KnownFrom
from release.tagging.version_text import VersionFacts, fields_of
from release.versions.model import Scheme, Version
from release.versions.semver import parse_as


class VersionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the version of one component. `component`: None for the workspace's only component."""

    component: str | None = None


class VersionReport(msgspec.Struct, frozen=True, kw_only=True):
    """A version by its parts. `base`: the git tag from which the version counts; for a release that only the log has,
    the name that its tag would have. `distance`: commits since that tag.
    `patch`: the third number, of a calendar version, too; a fourth one is in `version` only.

    `date`: of the commit, RFC 3339 in UTC. `dirty`: whether tracked files differ from the commit. `reason`: only of a
    next version: which commits raise which part of the version, and which versions elsewhere are taken or higher.
    `known_from`: how much was read of each source of releases.
    """

    schema: Literal["shipmark.version/1"] = "shipmark.version/1"
    component: str
    version: str
    major: int
    minor: int
    patch: int
    prerelease: str
    build: str
    commit: str
    channel: str
    git_tag: str | None
    base: str | None
    distance: int
    branch: str | None
    dirty: bool
    date: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    known_from: KnownFrom = KnownFrom()
    warnings: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a version, which `version_text` can write in every form, and what is not known about it."""

    facts: VersionFacts
    known_from: KnownFrom
    warnings: tuple[str, ...] = ()


def version(workspace: Session, request: VersionRequest) -> VersionReport:
    """The version of HEAD. Raises `ShallowClone` if the version depends on history that the clone lacks."""
    return version_report(find_version(workspace, request))


def version_report(found: Found) -> VersionReport:
    """The report of a version, as `--json` prints it."""
    return VersionReport(**fields_of(found.facts), known_from=found.known_from, warnings=found.warnings)


def find_version(workspace: Session, request: VersionRequest, *, labelled: bool = True) -> Found:
    """HEAD's version, without a connection. Raises `ShallowClone` as `version`. `labelled`: as for `decide_locally`."""
    situation = situation_locally(workspace, request.component)
    decision = decide_component(workspace, situation, labelled=labelled)
    facts, policy = situation.facts, situation.policy
    text = require_version(decision, facts)
    released = decision.candidate.version if decision.candidate is not None else None
    describe = None if released is not None else facts.snapshot.describe
    of_version = VersionFacts(
        version=released or _read(text, policy.versions),
        commit=decision.commit,
        channel=decision.channel,
        component=decision.component,
        committed_at=facts.snapshot.committed_at,
        git_tag=decision.git_tag,
        base=describe.git_tag if describe is not None else decision.git_tag,
        distance=describe.distance if describe is not None else 0,
        branch=facts.branch,
        dirty=facts.snapshot.dirty_count > 0,
        labels=decision.labels,
    )
    return Found(facts=of_version, known_from=decision.known_from, warnings=decision.warnings)


def _read(text: str, scheme: Scheme) -> Version:
    """Parse the decision's version, by the configured scheme or else as SemVer.

    Before the first release of a calendar scheme the version is SemVer's `0.0.0-dev.N.gCOMMIT`.
    """
    schemes: tuple[Scheme, ...] = (scheme, "semver")
    for one in schemes:
        try:
            return parse_as(text, one)
        except ValueError:
            continue
    raise ConfigError(
        f"`{text}` is not a version that can be written in another form",
        hint="`shipmark tags` prints the tags of this commit",
    )
