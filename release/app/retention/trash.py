"""The trash repositories of a prune, as its policies name them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from release.config.retention import RetentionSection, TrashSection
from release.errors import ConfigError
from release.oci.reference import parse_repository
from release.retention.ages import parse_span


class Trash(msgspec.Struct, frozen=True, kw_only=True):
    """A trash repository. `keep`: how long images stay there, as the policy says it. `project`: records what goes."""

    name: str
    keep: str
    project: str


def trash_of(name: str, section: RetentionSection, *, project: str, where: str) -> Trash | None:
    """The trash of the repository `name`; None without one. Raises `ConfigError` for one in another registry."""
    if section.trash is None:
        return None
    given = TrashSection(repository=section.trash) if isinstance(section.trash, str) else section.trash
    if parse_span(given.keep) is None:
        raise ConfigError(
            f"{where}: retention.trash.keep: `{given.keep}` is not a span of time",
            hint="write it as `90m`, `24h`, `30d` or `2w`",
        )
    if name.startswith("oci:"):
        raise ConfigError(
            f"{where}: `{name}` is no registry, and a trash is a repository in one",
            hint="leave out `retention.trash`",
        )
    registry = parse_repository(name).registry
    own = f"{registry}/"
    # A path alone is in the same registry; a first part with a point, a colon or `localhost` is a host.
    first = given.repository.partition("/")[0]
    named = "/" in given.repository and ("." in first or ":" in first or first == "localhost")
    trash = parse_repository(given.repository if named else own + given.repository)
    if trash.registry != registry:
        raise ConfigError(
            f"{where}: the trash `{trash.name}` is not in `{registry}`, where `{name}` is",
            hint=f"name a repository of `{registry}`: images are not sent to another registry",
        )
    return Trash(name=trash.name, keep=given.keep, project=project)


def longest(found: Iterable[Trash]) -> dict[str, Trash]:
    """Each trash once, by its name; of several times the longest counts."""
    whole: dict[str, Trash] = {}
    for one in found:
        before = whole.get(one.name)
        if before is None or (parse_span(one.keep) or 0) > (parse_span(before.keep) or 0):
            whole[one.name] = one
    return whole
