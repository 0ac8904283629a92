"""The components of the config as commands use them: their targets, and how their tags are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from release.config.load import Component
from release.errors import ConfigError
from release.tagging.model import TagPolicy

# Names that `image copy` reads and writes, and no release goes to.
_ONLY_COPIES = ("dir:", "oci-archive:", "docker-archive:", "docker-daemon:")


def require_valid_targets(component: Component) -> None:
    """Raise `ConfigError` for a target that is not a repository or layout folder, or that is listed twice."""
    seen: set[str] = set()
    for number, target in enumerate(component.targets):
        try:
            _require_valid(target.image)
            if target.image in seen:
                raise ConfigError(f"target `{target.image}` is listed twice", hint="list each target once")
        except ConfigError as error:
            place = "".join(f"{one}: " for one in component.image_places[number : number + 1])
            raise ConfigError(f"{place}{error.message}", hint=error.hint) from error
        seen.add(target.image)


def _require_valid(name: str) -> None:
    from release.oci.reference import parse_repository  # imported late: `tags` and `version` need no target

    if name in {"oci:", "oci:."}:
        raise ConfigError(
            f"`{name}`: an OCI layout needs a folder of its own",
            hint="write `oci:PATH`, for example `oci:dist/image`",
        )
    if name.startswith(_ONLY_COPIES):
        raise ConfigError(
            f"`{name}` cannot take a release",
            hint="name a repository (`ghcr.io/acme/app`) or an OCI layout folder (`oci:dist/image`); "
            "`shipmark image copy` makes archives and the like of it",
        )
    if not name.startswith("oci:"):
        parse_repository(name)


def components_named(components: Sequence[Component], names: Sequence[str]) -> tuple[Component, ...]:
    """The components called `names`, in the config's order; all for no names. Raises `ConfigError` for another name."""
    known = [one.name for one in components]
    for name in names:
        if name not in known:
            raise ConfigError(f"no component is called `{name}`", hint=f"there are: {', '.join(known)}")
    return tuple(one for one in components if not names or one.name in names)


def policy_of(component: Component) -> TagPolicy:
    """The tag policy of the component, such as version scheme, prefix, and the rules for `latest` and channels."""
    section = component.section
    return TagPolicy(
        prefix=section.prefix,
        versions=section.versions,
        latest=section.latest,
        pull_requests=section.pull_requests,
        base=section.base,
        channels=section.channels,
        as_action=section.events == "as-action",
        ignore_tags=section.ignore_tags,
        release_on=section.release_on,
        other_prefixes=component.other_prefixes,
        follows_default_branch=section.latest == "default-branch" or section.tags != "default",
    )
