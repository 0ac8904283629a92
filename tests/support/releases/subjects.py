"""A release of version 1.4.2 as the planner sees it, for tests that change one thing about it."""

from __future__ import annotations

from typing import Any

from release.build_spec import BuildSpec
from release.plan.evidence import STORE, ContentSource
from release.plan.release_input import ReleaseInput, Target
from release.tagging.model import Candidate, Decision, FixedTag, Held, HeldTags, Line, MovingTag
from release.versions.model import Version

COMMIT = "3f2a9c1b7d40" + "0" * 28
DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
IMAGE = "ghcr.io/acme/app"
SHA = "sha-3f2a9c1b7d40"
DECISION = Decision(
    component="app",
    version="1.4.2",
    commit=COMMIT,
    channel="release",
    git_tag="v1.4.2",
    tags=(
        FixedTag(name="1.4.2", reason="git tag", policy="version"),
        FixedTag(name=SHA, reason="commit", policy="first-wins"),
        MovingTag(name="1.4", reason="highest", line=Line(kind="release", major=1, minor=4)),
        MovingTag(name="1", reason="highest", line=Line(kind="release", major=1)),
        MovingTag(name="latest", reason="highest", line=Line(kind="release")),
    ),
    labels={"org.opencontainers.image.version": "1.4.2"},
    candidate=Candidate(commit=COMMIT, version=Version(major=1, minor=4, patch=2)),
)


def subject(**changes: Any) -> ReleaseInput:
    given: dict[str, Any] = {
        "component": "app",
        "project": IMAGE,
        "targets": (Target(name=IMAGE),),
        "decision": DECISION,
        "build": BuildSpec(builder="layers"),
        "committed_at": 1_700_000_000,
        "held": holds({}),
    }
    return ReleaseInput(**{**given, **changes})


def holds(tags: dict[str, str], target: str = IMAGE, **labels: Any) -> HeldTags:
    """Return what the decision's tags point to on `target`: `tags` point to digests, the others are free."""
    said = {"revision": COMMIT, "version": "1.4.2", **labels}
    return HeldTags(
        held=tuple(
            Held(target=target, tag=tag.name, state="held", digest=tags[tag.name], **said)
            if tag.name in tags
            else Held(target=target, tag=tag.name, state="free")
            for tag in DECISION.tags
        )
    )


def has(name: str = STORE, digest: str = DIGEST, **said: Any) -> ContentSource:
    """Return a source `name` of the image `digest`, whose labels are those of the release, changed by `said`."""
    labels = {"state": "held", "revision": COMMIT, "version": "1.4.2", **said}
    return ContentSource(
        name=name, digest=digest, image=Held(target=name, tag=digest, digest=digest, **labels)
    )


EVERYWHERE = {tag.name: DIGEST for tag in DECISION.tags}
