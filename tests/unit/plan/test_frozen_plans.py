"""Frozen plans: the plan file of each kind of plan, byte for byte, with its hash.

`run --plan FILE` compares hashes of plans that another version may have written, so a plan changes only on purpose.
`FREEZE_PLANS=1` writes the files anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from release.app.releases.results import plan_document
from release.build_spec import BuildSpec
from release.plan.evidence import Recorded
from release.plan.model import Plan
from release.plan.promote import Destination, Promotion, plan_promotion
from release.plan.release import plan_release
from release.plan.release_input import ReleaseInput, Target
from release.plan.rollback import RestoreTarget, Rollback, plan_rollback
from release.plan.rollback_versions import TagRestore
from release.tagging.model import Candidate, FixedTag, Held, HeldTags, Line, MovingTag, Withheld
from release.versions.model import Version
from tests.support.releases.subjects import (
    COMMIT,
    DECISION,
    DIGEST,
    EVERYWHERE,
    IMAGE,
    OTHER,
    SHA,
    has,
    holds,
    subject,
)

GOLDEN = Path(__file__).parent / "golden"
MIRROR = "oci:dist/mirror"
TO = "registry.example.com/prod"
VERSION = Version(major=1, minor=4, patch=2)
CANDIDATE = Candidate(commit=COMMIT, version=VERSION)
SPEC = BuildSpec(
    builder="layers",
    context="app",
    dockerfile="app/Dockerfile",
    target="final",
    platforms=("linux/amd64", "linux/arm64"),
    args={"VERSION": "{{version}}"},
    compression="zstd",
)
LATEST = Line(kind="release")
ONE = Line(kind="release", major=1)


def build() -> Plan:
    targets = (Target(name=IMAGE), Target(name=MIRROR, required=False, moving=False))
    withheld = (Withheld(name="edge", reason="something newer", line=LATEST),)
    decision = msgspec.structs.replace(DECISION, withheld=withheld, annotations={"a": "b"})
    facts = {"source": {"branch": "main"}, "lease_ms": 1000, "allow_backward": True, "reason": "why"}
    planned = subject(targets=targets, build=SPEC, decision=decision, attest=True, facts=facts)
    return plan_release([planned], {"allow_backward": True, "reason": "why"})


def two_components() -> Plan:
    other = msgspec.structs.replace(DECISION, component="web")
    image = "ghcr.io/acme/web"
    place = {"targets": (Target(name=image),), "held": holds({}, image)}
    return plan_release([subject(), subject(component="web", project="acme/web", decision=other, **place)])


def adopt() -> Plan:
    return plan_release([subject(held=holds({"1.4.2": DIGEST, "latest": OTHER}), attest=True)])


def resume() -> Plan:
    recorded = Recorded(digest=DIGEST, attempt="a1", inputs={})
    return plan_release([subject(recorded=recorded, places=(has(),), held=holds({"1.4.2": DIGEST}))])


def finished() -> Plan:
    recorded = Recorded(digest=DIGEST, attempt="a1", released=True, pushed=(IMAGE,), moved=(IMAGE,))
    return plan_release([subject(recorded=recorded, places=(has(IMAGE),), held=holds(EVERYWHERE))])


def abandoned() -> Plan:
    return plan_release([subject(recorded=Recorded(digest=DIGEST, attempt="a1"))])


def reuse() -> Plan:
    reused: ReleaseInput = subject(held=holds({SHA: DIGEST}, version="1.4.2-dev.1.g3f2a9c1b7d40"), reuse=True)
    return plan_release([reused])


def promote() -> Plan:
    free = Destination(
        target=TO,
        fixed=(FixedTag(name="1.4.2", reason="asked for", policy="version"),),
        moving=(
            MovingTag(name="1", reason="asked for", line=ONE),
            MovingTag(name="latest", reason="asked for", line=LATEST),
        ),
        names=("stable",),
        withheld=(Withheld(name="edge", reason="something newer"),),
        follows=7,
    )
    held = tuple(
        Held(target=MIRROR, tag=tag, state="held", digest=DIGEST, version="1.4.2", revision=COMMIT)
        for tag in free.tags
    )
    there = msgspec.structs.replace(free, target=MIRROR, withheld=(), held=HeldTags(held=held), recorded=True)
    content_only = Destination(target="registry.example.com/copy")
    return plan_promotion(
        Promotion(
            project=IMAGE,
            source=IMAGE,
            digest=DIGEST,
            destinations=(free, there, content_only),
            commit=COMMIT,
            candidate=CANDIDATE,
            version="1.4.2",
            release="f" * 64,
            reason="tested",
            allow_backward=True,
            referrers=True,
        )
    )


def promote_unknown_image() -> Plan:
    there = Destination(
        target=TO, names=("stable",), moving=(MovingTag(name="1", reason="asked for", line=ONE),)
    )
    return plan_promotion(Promotion(project=IMAGE, source=IMAGE, digest=DIGEST, destinations=(there,)))


def rollback() -> Plan:
    aims = tuple(
        TagRestore(tag=tag, line=line, version=VERSION) for tag, line in (("1", ONE), ("latest", LATEST))
    )
    landing = RestoreTarget(
        target=IMAGE, required=True, aims=aims, digest=DIGEST, commit=COMMIT, release="e" * 64, follows=4
    )
    rebuilt = (
        TagRestore(tag="1.3", line=Line(kind="release", major=1, minor=3), version=VERSION, rebuild=2),
    )
    optional = RestoreTarget(
        target=MIRROR, required=False, aims=rebuilt, digest=OTHER, commit="", release="d" * 64
    )
    settled = msgspec.structs.replace(landing, target=TO, settled=True)
    whole = Rollback(
        project=IMAGE,
        component="app",
        reason="it eats data",
        to="1.4.2",
        yanks=("1.5.0",),
        landings=(landing, optional, settled),
    )
    return plan_rollback(whole, {f"{IMAGE}:latest": OTHER})


def rollback_finished() -> Plan:
    return plan_rollback(
        Rollback(project=IMAGE, component="app", reason="again", to="1.4.2", yanks=(), landings=()), {}
    )


@pytest.mark.parametrize(
    "make",
    [
        build,
        two_components,
        adopt,
        resume,
        finished,
        abandoned,
        reuse,
        promote,
        promote_unknown_image,
        rollback,
        rollback_finished,
    ],
)
def test_the_plan_file_of_each_kind_of_plan_has_the_bytes_of_its_golden_file(
    make: Callable[[], Plan],
) -> None:
    text = json.dumps(plan_document(make()), indent=1) + "\n"
    path = GOLDEN / f"{make.__name__}.json"
    if os.environ.get("FREEZE_PLANS"):
        path.write_text(text)
    assert text == path.read_text()
