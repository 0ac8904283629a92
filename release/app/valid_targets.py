"""Checks that a release can go to the images of a component, before anything is asked of a registry. Pure."""

from __future__ import annotations

from release.config.component import Component
from release.errors import ConfigError

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
