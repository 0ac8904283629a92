"""Names the image tags of a released version: those of the default scheme, or of its component's rules."""

from __future__ import annotations

import msgspec

from release.app.component_policy import policy_of
from release.app.releases.decide import Situation, decide_component
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError
from release.facts import Facts
from release.run_scope import scope_of
from release.tagging.model import Decision, FixedTag, KnownReleases, MovingTag, TagPolicy
from release.tagging.version_names import VersionNames
from release.versions.git_tags import versions_in
from release.versions.model import Version
from release.versions.semver import image_tag_of, parse_as

# By scheme: a version that no project has.
_INVENTED = {"semver": "98765.4321.12345", "semver-loose": "98765.4321.12345", "calver": "2198.12.28"}


def moving_tags(session: Session, component: Component, version: Version) -> list[MovingTag]:
    """The moving tags that a release of `version` gets."""
    tags = _decided(session, component, version).tags
    return [tag for tag in tags if isinstance(tag, MovingTag) and tag.line.kind == "release"]


def fixed_tag(session: Session, component: Component, version: Version, rebuild: int = 0) -> str:
    """The fixed tag that names the version, or its rebuild: `1.4.2`, `1.4.2_r1`, by rules perhaps `v1.4.2-alpine`.

    Of rules that make no such tag, such as `type=sha` alone, the default scheme's: no image has it.
    """
    usual = image_tag_of(version, rebuild)
    if component.section.tags == "default":
        return usual
    tags = _decided(session, component, version).tags
    names = [tag.name for tag in tags if isinstance(tag, FixedTag) and tag.policy == "version"]
    if not names or image_tag_of(version) in names:
        return usual
    return f"{names[0]}_r{rebuild}" if rebuild else names[0]


def tag_of_image(
    session: Session, component: Component, target: str, version: Version, rebuild: int = 0
) -> str:
    """The fixed tag under which the component's `target` has the image of a version. Raises `RegistryError`.

    That of the default scheme where the target lacks the rules' tag: the rules may have been others at that time.
    """
    name, usual = fixed_tag(session, component, version, rebuild), image_tag_of(version, rebuild)
    if name == usual or shares_repository(session, component):
        return name
    repository = session.registries.open(target)
    is_old = repository.resolve(name) is None and repository.resolve(usual) is not None
    return usual if is_old else name


def shares_repository(session: Session, component: Component) -> bool:
    """Whether another component has one of its targets, so that a tag by other rules may be the other one's."""
    own = {target.image for target in component.targets}
    others = [one for one in session.config.components if one.name != component.name]
    return any(target.image in own for one in others for target in one.targets)


def names_of(session: Session, component: Component) -> VersionNames | None:
    """How the component's rules name versions; None for the default scheme, and where a tag does not hold the version.

    A version that nobody has shows what the rules put around it.
    """
    if component.section.tags == "default" or component.section.versions == "none":
        return None
    version = parse_as(_INVENTED[component.section.versions], component.section.versions)
    try:
        name = fixed_tag(session, component, version)
    except ConfigError:
        return None  # rules may suit the versions that the component has, and not this one
    before, found, after = name.partition(image_tag_of(version))
    if not found or not (before or after):
        return None
    return VersionNames(before=before, after=after, shared=shares_repository(session, component))


def _decided(session: Session, component: Component, version: Version) -> Decision:
    policy = policy_of(component)
    facts = _as_if_tagged(session.git.facts(policy), policy, version)
    return decide_component(
        session, Situation(component=component, policy=policy, facts=facts, known=KnownReleases())
    )


def _as_if_tagged(facts: Facts, policy: TagPolicy, version: Version) -> Facts:
    """`facts`, changed as if HEAD had the git tag of `version` and the repository no other tag."""
    named = versions_in(facts.snapshot.tag_listing, policy.prefix, policy.versions).of(version)
    git_tag = next((tag.git_tag for tag in named), f"{policy.prefix}v{version}")
    listing = f"{facts.commit} refs/tags/{git_tag}\n".encode("utf-8", "backslashreplace")
    ci = msgspec.structs.replace(
        facts.ci, event="tag", git_tag=git_tag, branch=None, pull_request=None, merge_queue=False, gone=None
    )
    return msgspec.structs.replace(
        facts,
        snapshot=msgspec.structs.replace(facts.snapshot, tag_listing=listing, describe=None),
        ci=ci,
        scope=scope_of(ci),
        branch=None,
        git_tag=git_tag,
        is_default_branch=False,
    )
