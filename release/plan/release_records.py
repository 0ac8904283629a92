"""The members of the facts that a release records in the version log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from release.plan import operands as op
from release.plan.model import Release, Step, duration_of
from release.plan.release_input import ReleaseInput
from release.plan.ways import Obtain
from release.tagging.labels import INPUTS, VERSION
from release.tagging.model import FixedTag, Withheld, tags_for
from release.versions.status import KnownStatus

Fact = Mapping[str, Any]


def common(release: Release) -> Fact:
    """The members that every fact of the release has."""
    return {
        "release": release.key,
        "project": release.project,
        "component": release.component,
        "commit": release.decision.commit,
    }


def planned(subject: ReleaseInput, release: Release, obtain: Obtain) -> Fact:
    """The fact `planned`, recorded before anything is built or visible: version, targets, tags and inputs."""
    decision = release.decision
    targets = [
        {
            "target": target.name,
            "required": target.required,
            "tags": [
                {"name": tag.name, "kind": "fixed" if isinstance(tag, FixedTag) else "moving"}
                for tag in tags_for(decision.tags, moving=target.moving)
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


def status(said: KnownStatus) -> tuple[str, Fact]:
    """The kind and the members of the fact that a version has a status."""
    if said.status in ("yanked", "restored"):
        return said.status, {"versions": (said.version,), "reason": said.reason, "number": said.number}
    return "status", {
        "version": said.version,
        "number": said.number,
        "status": said.status,
        "reason": said.reason,
    }


def abandoned(subject: ReleaseInput, obtain: Obtain) -> Fact:
    """The fact `abandoned`: the image of an earlier attempt is given up."""
    return {
        "reason": obtain.abandons,
        "lost": subject.recorded.digest,
        "attempt": subject.recorded.attempt,
    }


def built(component: str, obtain: Obtain, checks: Sequence[Step] = (), *, as_commit: bool = False) -> Fact:
    """The fact `built`: the image exists, and how the release got it."""
    fact: dict[str, Any] = {
        "image": op.built_of(component),
        "via": obtain.mode,
        "duration_ms": duration_of(f"obtain:{component}"),
        "tools": op.tools_of(component),
    }
    if checks:
        fact["checks"] = [op.checked_of(check.id) for check in checks]
    if as_commit:
        fact["as_commit"] = True
    if obtain.mode == "build":
        fact["builder"] = op.builder_of(component)
    return fact


def built_platform(
    part: str,
    platform: str,
    digest: op.Image,
    obtain: Obtain,
    attestations: Sequence[str] = (),
    *,
    index: op.Image | None = None,
) -> Fact:
    """The fact `built-platform`: one platform's image exists.

    `part`: the name of the platform's image in slots; `attestations`: if known; `index`: the one that the builder made.
    """
    fact: dict[str, Any] = {
        "platform": platform,
        "digest": digest,
        "attestations": tuple(attestations) or op.attestations_of(part),
        "via": obtain.mode,
    }
    if index is not None:
        fact["index"] = index
    if obtain.mode == "build":
        fact |= {"builder": op.builder_of(part), "context": op.context_of(part), "tools": op.tools_of(part)}
    return fact


def pushed(target: str, image: op.Image, puts: Sequence[Step], content: str) -> Fact:
    """The fact `pushed`: the target holds the image under its fixed tags. `content`: the id of the push step."""
    return {
        "target": target,
        "image": {"digest": image},
        "tags": [op.tagged_of(put.id) for put in puts],
        "duration_ms": duration_of(content, optional=True),
    }


def released(release: Release, image: op.Image, obtain: Obtain) -> Fact:
    """The fact `released`: every required target holds the image under its fixed tags."""
    # `resume` is not recorded: the `built` entry of the earlier run says how the image came about.
    via = None if obtain.mode == "resume" else obtain.mode
    return {"version": release.decision.version, "image": {"digest": image}, "via": via}


def moved(
    target: str, moves: Sequence[Step], withheld: Sequence[Withheld], follows: int | None = None
) -> Fact:
    """The fact `moved`: which moving tags the release got on the target, what each held before, which were withheld.

    `follows`: the position of the last entry that set one of the tags otherwise. It distinguishes the fact from an
    equal earlier one: equal facts have one id, and are recorded once.
    """
    said = {} if follows is None else {"follows": follows}
    return {"target": target, "tags": [*taken(moves), *left(withheld)], **said}


def taken(moves: Sequence[Step]) -> list[Any]:
    """The slots for what each step did to its tag; a step that failed binds none, and is left out of the fact."""
    return [op.tagged_of(move.id, optional=True) for move in moves]


def left(withheld: Sequence[Withheld]) -> list[dict[str, str]]:
    """The tags that the decision withheld, in the form of records."""
    return [{"name": one.name, "result": "withheld", "reason": one.reason} for one in withheld]


def _other_version(obtain: Obtain, version: str | None) -> str | None:
    """The image's version label, if it differs from the version as which the image is released; else None."""
    said = obtain.said.version if obtain.said is not None else None
    return said if said != version else None
