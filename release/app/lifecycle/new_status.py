"""What `rollback` and `restore` share: a new status for versions, and tags that move to the highest that counts."""

from __future__ import annotations

import msgspec

from release.app.component_policy import policy_of
from release.app.lifecycle.landings import Ground, landings
from release.app.lifecycle.results import Changed
from release.app.releases.known import project_of, with_statuses
from release.app.releases.known_everywhere import known_everywhere
from release.app.releases.version_tags import moving_tags
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError, ShallowClone, Unreachable
from release.hints import NAME_IMAGE
from release.log.records.entry_members import rebuild_of, without_rebuild
from release.plan.operands import MoveTag
from release.plan.outcome import Report
from release.plan.release_input import Target
from release.plan.rollback import Rollback
from release.plan.rollback_versions import aims
from release.tagging.model import KnownReleases, TagPolicy
from release.versions.model import Version
from release.versions.semver import image_tag_of, parse_as, version_of_image_tag
from release.versions.status import KnownStatus, next_number


def ground_of(session: Session, component: str | None, named: str, option: str) -> Ground:
    """Read what is known. `option`: how the version was named, for messages.

    Raises `ConfigError`, and `Unreachable` or `ShallowClone` if a source of releases could not be read completely.
    """
    chosen = _component(session, component)
    policy = policy_of(chosen)
    version, rebuild = _build(named, policy, option)
    repositories = [session.registries.open(one.image) for one in chosen.targets]
    known = known_everywhere(session, chosen, policy, repositories)
    _require_all_known(known)
    return Ground(
        session=session,
        component=chosen,
        project=project_of(session, chosen),
        version=version,
        known=known,
        rebuild=rebuild,
    )


def statuses_for(
    ground: Ground, versions: tuple[str, ...], status: str, reason: str
) -> tuple[KnownStatus, ...]:
    """The new status of each version, all with one number, which outranks every status that is known."""
    number = next_number(ground.known.statuses, versions)
    commits = {image_tag_of(one.version): one.commit for one in ground.known.versions if one.commit}
    return tuple(
        KnownStatus(
            version=one,
            number=number,
            status=status,
            reason=reason,
            commit=commits.get(without_rebuild(one).replace("+", "_"), ""),
            # A restore gives a pre-release its status again, also where only the registry knows of the yank.
            before=_before(ground.known.statuses.get(one)) if status == "yanked" else "",
        )
        for one in versions
    )


def _before(known: KnownStatus | None) -> str:
    """What a yank has to remember of the version's status until now."""
    if known is None:
        return ""
    return known.status if known.status == "prerelease" else known.before


def proposal(
    ground: Ground,
    concerned: tuple[Version, ...],
    new: tuple[KnownStatus, ...],
    *,
    told: tuple[KnownStatus, ...],
    reason: str,
    lower: bool,
) -> tuple[Rollback, dict[str, str], tuple[str, ...]]:
    """The plan's input, what the tags hold now, and the tags whose line has no version left.

    `concerned`: the versions whose moving tags are looked at. `new`: statuses to record. `told`: statuses that every
    target's artifact must have, `new` included. `lower`: see `landings`.
    """
    session, component = ground.session, ground.component
    after = with_statuses(ground.known, new)
    tags = [tag for one in concerned for tag in moving_tags(session, component, one)]
    aimed, left = aims(tags, after)
    landed, basis = landings(msgspec.structs.replace(ground, known=after), aimed, lower=lower)
    before = [
        one.seq for new_one in new if (one := ground.known.statuses.get(new_one.version)) and one.seq >= 0
    ]
    rollback = Rollback(
        project=ground.project,
        component=component.name,
        reason=reason,
        to=ground.name,
        yanks=tuple(one.version for one in new if one.status == "yanked"),
        restores=tuple(one.version for one in new if one.status == "restored"),
        marks=tuple(one for one in new if one.status == "prerelease"),
        landings=landed,
        number=new[0].number if new else None,
        follows=max(before, default=None),
        statuses=told,
        places=_places(ground) if told else (),
    )
    return rollback, basis, left


def changed(report: Report, version: Version, title: str, notes: tuple[str, ...]) -> Changed:
    """The image of `version`. `digest` is `""` if no tag moves to `version`."""
    images = [
        operands.image
        for outcome in report.outcomes
        if isinstance(operands := outcome.step.operands, MoveTag) and operands.candidate.version == version
    ]
    return Changed(
        title=title,
        digest=str(images[0]) if images else "",
        version=str(version),
        channel="release" if version.is_stable else "prerelease",
        primary_tag=image_tag_of(version),
        notes=notes,
    )


def _places(ground: Ground) -> tuple[Target, ...]:
    """The targets with moving tags; the others need no status, since no run moves a tag there."""
    return tuple(
        Target(name=ground.session.registries.open(one.image).name, required=one.required)
        for one in ground.component.targets
        if one.moving
    )


def _require_all_known(known: KnownReleases) -> None:
    """Raise `Unreachable` or `ShallowClone` if a source of releases could not be read completely.

    The highest version that still counts might be among those that were not read.
    """
    said = known.known_from
    hint = "run it again when registries and log answer"
    for name, knowledge in (("a registry", said.registry), ("the version log", said.log), ("git", said.git)):
        if knowledge in {"partial", "unknown"}:
            if name == "git":
                raise ShallowClone("this clone lacks version tags", hint="`git fetch --tags --unshallow`")
            raise Unreachable(f"not all releases in {name} could be read, so no tag is moved", hint=hint)


def _component(session: Session, name: str | None) -> Component:
    components = session.components_named(name)
    if len(components) > 1:
        names = ", ".join(one.name for one in components)
        raise ConfigError(f"there are several components: {names}", hint="choose one with `--component NAME`")
    if not components[0].targets:
        raise ConfigError(
            "there is no image whose tags could move",
            hint=NAME_IMAGE,
        )
    return components[0]


def _build(text: str, policy: TagPolicy, option: str) -> tuple[Version, int]:
    """The version and the number of its build that `text` names: (1.4.2, 1) for `1.4.2_r1`.

    A version with build metadata may be written as its image tag, too: `1.0.0_a` for `1.0.0+a`.
    """
    name = text.removeprefix(policy.prefix).removeprefix("v")
    if (read := version_of_image_tag(name, policy.versions)) is not None:
        return read
    try:
        return parse_as(without_rebuild(name), policy.versions), rebuild_of(name)
    except ValueError as error:
        raise ConfigError(f"`{option}{text}` is not a version: {error}", hint="write it as 1.4.1") from error
