"""What a release records of itself, step by step: the members of its facts besides the common ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from release.plan import operands as op
from release.plan.model import Release, Step, duration_of
from release.plan.obtain import Obtain
from release.plan.release_input import ReleaseInput
from release.tagging.labels import INPUTS, VERSION
from release.tagging.model import FixedTag, Withheld

Fact = Mapping[str, Any]


def common(release: Release) -> Fact:
    """What every record of the release says."""
    return {
        "release": release.key,
        "project": release.project,
        "component": release.component,
        "commit": release.decision.commit,
    }


def planned(subject: ReleaseInput, release: Release, obtain: Obtain) -> Fact:
    """Before anything is built or visible: what is about to happen."""
    decision = release.decision
    targets = [
        {
            "target": target.name,
            "required": target.required,
            "tags": [
                {"name": tag.name, "kind": "fixed" if isinstance(tag, FixedTag) else "moving"}
                for tag in decision.tags
                if target.moving or isinstance(tag, FixedTag)
            ],
        }
        for target in subject.targets
    ]
    return {
        "version": decision.version,
        "channel": decision.channel,
        "git_tag": decision.git_tag,
        "inputs": release.inputs,
        "inputs_label": decision.labels.get(INPUTS),
        "image_inputs": "unlabelled" if obtain.unlabelled else None,
        "image_version": _other_version(obtain, decision.labels.get(VERSION, decision.version)),
        "targets": targets,
        "resumes": subject.recorded.attempt,
        **subject.facts,
    }


def abandoned(subject: ReleaseInput, obtain: Obtain) -> Fact:
    """The image of an earlier attempt is given up."""
    return {
        "reason": obtain.abandons,
        "lost": subject.recorded.digest,
        "attempt": subject.recorded.attempt,
    }


def built(component: str, obtain: Obtain) -> Fact:
    """The image exists, under this digest."""
    fact: dict[str, Any] = {
        "image": op.built_of(component),
        "via": obtain.mode,
        "duration_ms": duration_of(f"obtain:{component}"),
        "tools": op.tools_of(component),
    }
    if obtain.mode == "build":
        fact["builder"] = op.builder_of(component)
    return fact


def pushed(target: str, image: op.Image, puts: Sequence[Step], content: str) -> Fact:
    """The target holds the release under its fixed tags. `content`: the id of the step that brought the bytes."""
    return {
        "target": target,
        "image": {"digest": image},
        "tags": [op.tagged_of(put.id) for put in puts],
        "duration_ms": duration_of(content, optional=True),
    }


def released(release: Release, image: op.Image, obtain: Obtain) -> Fact:
    """Every required target holds the fixed tags: the release exists."""
    # How the image came about is what the run that recorded it said, not that this one goes on from there.
    via = None if obtain.mode == "resume" else obtain.mode
    return {"version": release.decision.version, "image": {"digest": image}, "via": via}


def moved(target: str, moves: Sequence[Step], withheld: Sequence[Withheld]) -> Fact:
    """Which moving tags the release took on the target, what each held before, and which were withheld."""
    return {"target": target, "tags": [*taken(moves), *left(withheld)]}


def taken(moves: Sequence[Step]) -> list[Any]:
    """What each step did to its tag; one that failed is left out."""
    return [op.tagged_of(move.id, optional=True) for move in moves]


def left(withheld: Sequence[Withheld]) -> list[dict[str, str]]:
    """Tags that were withheld from the start."""
    return [{"name": one.name, "result": "withheld", "reason": one.reason} for one in withheld]


def _other_version(obtain: Obtain, version: str | None) -> str | None:
    """The version that an image was built as, where it is not the one that it is released as."""
    said = obtain.said.version if obtain.said is not None else None
    return said if said != version else None
