"""How a release gets its image, and what the image's labels must say. Pure."""

from __future__ import annotations

from release.plan.inputs import inputs_of
from release.plan.obtain import choose
from release.plan.ownership import Expectation, several_platforms
from release.plan.parts import Parts, find_parts
from release.plan.release_input import ReleaseInput
from release.plan.ways import Obtain
from release.tagging.labels import INPUTS, REVISION, VERSION
from release.tagging.model import FixedTag


def needs_build(subject: ReleaseInput) -> bool:
    """Whether the plan will build the component's image, or a platform of it. Raises the errors of `plan_release`."""
    if not subject.decision.tags:
        return False
    return obtain_of(subject).mode == "build" and not parts_of(subject).are_complete


def obtain_of(subject: ReleaseInput) -> Obtain:
    """How the release gets its image. Raises the errors of `plan_release`."""
    return choose(
        subject.decision,
        expectation_of(subject),
        subject.held,
        subject.recorded,
        subject.places,
        inputs_of(subject.build, subject.decision.labels),
        reuse=subject.reuse,
        supply=subject.supply,
    )


def parts_of(subject: ReleaseInput) -> Parts:
    """The platforms of an image that is built here, and which of them exist."""
    decision = subject.decision
    # All platforms of an index must have the same labels, so the version is compared in every case.
    expected = Expectation(
        commit=decision.commit,
        version=decision.labels.get(VERSION, decision.version),
        revision=decision.labels.get(REVISION),
        inputs=decision.labels.get(INPUTS),
    )
    return find_parts(
        several_platforms(subject.build.platforms),
        subject.recorded,
        subject.places or (),
        expected,
        inputs_of(subject.build, decision.labels),
    )


def expectation_of(subject: ReleaseInput) -> Expectation:
    """What the labels of an image of this release must say; the config may override labels."""
    decision = subject.decision
    supply, recorded = subject.supply, subject.recorded
    # Other tools may set no version label, or show that of a base image.
    is_foreign = supply is not None or recorded.via == "from"
    return Expectation(
        commit=decision.commit,
        version=None if is_foreign else decision.labels.get(VERSION, decision.version),
        platforms=subject.build.platforms,
        revision=decision.labels.get(REVISION),
        inputs=decision.labels.get(INPUTS),
        any_labels=supply.as_commit if supply is not None else _is_put_as_commit(subject),
    )


def _is_put_as_commit(subject: ReleaseInput) -> bool:
    """Whether the log and a version tag agree that an image with other labels is this release.

    The log alone is not enough: whoever can write it could name any image.
    """
    recorded = subject.recorded
    fixed = (tag.name for tag in subject.decision.tags if isinstance(tag, FixedTag))
    return recorded.as_commit and any(
        one.digest == recorded.digest for name in fixed for one in subject.held.at(name)
    )
