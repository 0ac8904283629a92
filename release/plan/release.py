"""Plans releases: makes the ordered steps from decisions and observations. Pure.

The order is a guarantee: nothing is visible before every required target was checked and holds the content, fixed tags
come before moving tags, and each effect is recorded after it was read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import msgspec

from release.canonical_json import digest_of
from release.errors import ConfigError
from release.plan.inputs import inputs_of
from release.plan.model import Phase, Plan, Release, Step
from release.plan.obtain import Obtain, choose, name_of
from release.plan.ownership import Expectation, several_platforms
from release.plan.parts import Parts, find_parts
from release.plan.release_input import ReleaseInput
from release.plan.release_steps import ReleaseSteps
from release.plan.steps import check_log
from release.tagging.labels import INPUTS, REVISION, VERSION
from release.tagging.model import Decision, FixedTag, MovingTag, Withheld

KEY_SCHEMA = "shipmark.key/1"

#: For a warning: the labels by which an image without an inputs label is recognised as the release.
_TAKEN_BY = {"reuse": "its commit", "from": "its commit, or because `--as-commit` says so"}

PHASES = (
    Phase(name="preflight"),
    # Comes after all reads: checking permission begins an upload, which changes the registry.
    Phase(name="permission"),
    Phase(name="planned"),
    Phase(name="obtain"),
    Phase(name="content"),
    Phase(name="fixed", visible=True),
    Phase(name="released", visible=True),
    Phase(name="moving", visible=True),
    # Comes last, since a statement repeats the log's entries of this run.
    Phase(name="attested", visible=True),
)


def release_key(project: str, commit: str, tag: str) -> str:
    """The release key: 64 hex digits, a hash of project, commit and `tag`, equal in every clone.

    `tag`: the primary fixed tag, or another name of the release, as `name_of` gives it.
    """
    return digest_of(KEY_SCHEMA, {"project": project, "commit": commit, "tag": tag})


def plan_release(subjects: Sequence[ReleaseInput], request: Mapping[str, Any] | None = None) -> Plan:
    """The plan that releases every component whose decision has tags. `request`: the options of the run.

    Raises `InputsChanged`, `TagConflict` or `RefusedError` if a component cannot be released, and `ConfigError` if two
    components make the same tag.
    """
    _require_distinct(subjects)
    releases: list[Release] = []
    all_steps: list[Step] = []
    basis: dict[str, str] = {}
    for subject in subjects:
        if not subject.decision.tags:
            continue
        prefix = f"{subject.component}/" if len(subjects) > 1 else ""
        release, of_subject = _plan_one(subject, prefix)
        releases.append(release)
        all_steps.extend(of_subject)
        basis.update(_basis(subject))
    if all_steps:
        all_steps.insert(0, check_log())
    planned = {release.component for release in releases}
    depends = {
        one.component: tuple(name for name in one.depends if name in planned)
        for one in subjects
        if one.component in planned
    }
    return Plan(
        purpose="release",
        releases=tuple(releases),
        phases=PHASES,
        steps=tuple(all_steps),
        basis=basis,
        request=request or {},
        depends={name: names for name, names in depends.items() if names} or None,
    )


def _require_distinct(subjects: Sequence[ReleaseInput]) -> None:
    """Raise `ConfigError` if two components put their images under one tag: one would replace the other's.

    A first-wins tag may be shared where each release has another name: the second release goes without it.
    """
    makers: dict[str, str] = {}
    for subject in subjects if len(subjects) > 1 else ():
        tags = subject.decision.tags
        sole = [
            one for one in tags if one is tags[0] or isinstance(one, MovingTag) or one.policy == "version"
        ]
        for target, tag in product(subject.targets, sole):
            if not target.moving and isinstance(tag, MovingTag):
                continue
            reference = f"{target.name}:{tag.name}"
            other = makers.setdefault(reference, subject.component)
            if other != subject.component:
                raise ConfigError(
                    f"components `{other}` and `{subject.component}` both make the tag `{reference}`",
                    hint="give each its own `image:`, or rules in `tags:` with `flavor: suffix=-NAME,onlatest=true`",
                )


def needs_build(subject: ReleaseInput) -> bool:
    """Whether the plan will build the component's image, or a platform of it. Raises the errors of `plan_release`."""
    if not subject.decision.tags:
        return False
    return obtain_of(subject).mode == "build" and not _parts_of(subject).are_complete


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


def _parts_of(subject: ReleaseInput) -> Parts:
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
        subject.places,
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


def _plan_one(subject: ReleaseInput, prefix: str) -> tuple[Release, list[Step]]:
    inputs = inputs_of(subject.build, subject.decision.labels)
    obtain = obtain_of(subject)
    known_digest = () if obtain.digest is None else (obtain.digest,)
    expected = msgspec.structs.replace(expectation_of(subject), digests=known_digest)
    decision = settle(subject, obtain)
    release = Release(
        component=subject.component,
        project=subject.project,
        key=release_key(subject.project, decision.commit, name_of(decision)),
        inputs=inputs,
        decision=decision,
    )
    parts = _parts_of(subject) if obtain.mode == "build" else Parts()
    made = ReleaseSteps(subject, release, obtain, parts, expected, prefix)
    if made.begins:
        warned = (
            *decision.warnings,
            *_cautions(obtain),
            *(f"{text}; it is built again" for text in parts.wrong),
        )
        release = msgspec.structs.replace(
            release, decision=msgspec.structs.replace(decision, warnings=warned)
        )
    return release, made.all()


def _cautions(obtain: Obtain) -> Iterator[str]:
    """Warnings about a recorded image that is given up, and about an image without a comparable inputs label."""
    if obtain.false:
        yield f"{obtain.abandons}; that digest is abandoned"
    if obtain.unlabelled and obtain.said is not None:
        yield (
            f"{obtain.digest} on `{obtain.said.target}` names no inputs (`{INPUTS}`) that this version can compare:"
            f" it is taken as this release by {_TAKEN_BY.get(obtain.mode, 'its commit and version')}"
        )


def settle(subject: ReleaseInput, obtain: Obtain) -> Decision:
    """The decision, with first-wins tags withheld that another image of the same commit holds.

    The primary tag is never withheld.
    """
    tags: list[FixedTag | MovingTag] = []
    withheld = list(subject.decision.withheld)
    for tag in subject.decision.tags:
        taken = _taken_by_sibling(tag, subject, obtain)
        if taken is not None and len(subject.decision.tags) > 1 and tag is not subject.decision.tags[0]:
            withheld.append(Withheld(name=tag.name, reason=f"first wins: {taken} of this commit holds it"))
        else:
            tags.append(tag)
    references = tuple(
        f"{target.name}:{tag.name}"
        for target in subject.targets
        for tag in tags
        if target.moving or isinstance(tag, FixedTag)
    )
    return msgspec.structs.replace(
        subject.decision, tags=tuple(tags), withheld=tuple(withheld), references=references
    )


def _taken_by_sibling(tag: FixedTag | MovingTag, subject: ReleaseInput, obtain: Obtain) -> str | None:
    if not isinstance(tag, FixedTag) or tag.policy != "first-wins":
        return None
    for held in subject.held.at(tag.name):
        if held.revision == expectation_of(subject).labelled and held.digest != obtain.digest:
            return held.digest
    return None


def _basis(subject: ReleaseInput) -> dict[str, str]:
    observed = {f"{held.target}:{held.tag}": held.digest or held.state for held in subject.held.held}
    observed[f"commit of {subject.component}"] = subject.decision.commit
    if subject.decision.git_tag is not None:
        observed[f"git tag of {subject.component}"] = subject.decision.git_tag
    return observed
