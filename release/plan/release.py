"""Plans releases: makes the ordered steps from decisions and observations. Pure.

The order is a guarantee: nothing is visible before every required target was checked and holds the content, fixed tags
come before moving tags, and each effect is recorded after it was read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import msgspec

from release.errors import ConfigError
from release.plan.inputs import inputs_of
from release.plan.model import Phase, Plan, Release, Step
from release.plan.parts import Parts
from release.plan.release_image import expectation_of, obtain_of, parts_of
from release.plan.release_input import ReleaseInput
from release.plan.release_key import name_of, release_key
from release.plan.release_steps import ReleaseSteps
from release.plan.steps import check_log
from release.plan.ways import Obtain
from release.tagging.labels import INPUTS
from release.tagging.model import Decision, FixedTag, MovingTag, Withheld, tags_for

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
    parts = parts_of(subject) if obtain.mode == "build" else Parts()
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
        for tag in tags_for(tags, moving=target.moving)
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
    if subject.supply is not None:
        # Layouts, archives and daemons may hold another image under the same name when the plan is executed.
        observed[f"image given for {subject.component}"] = subject.supply.digest
    return observed
