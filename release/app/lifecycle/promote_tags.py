"""Chooses the tags that a promotion sets: those that `--to` names, or the usual ones of a release."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from release.app.component_policy import policy_of
from release.app.releases.version_tags import moving_tags
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError
from release.oci.grammar import require_tag
from release.oci.reference import Reference
from release.plan.tag_kind import fixed_policy, release_line
from release.tagging.default_scheme import release_lines
from release.tagging.model import Candidate, FixedTag, MovingTag, TagPolicy
from release.versions.status import require_free

_ASKED = "asked for"


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    """The tags of a destination. `moving`: tags that follow a line of releases (`1.4`, `latest`).

    `names`: tags that follow no line, such as `production`.
    """

    fixed: tuple[FixedTag, ...] = ()
    moving: tuple[MovingTag, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        """The names of all tags, fixed ones first."""
        return (*(tag.name for tag in self.fixed), *(tag.name for tag in self.moving), *self.names)

    def joined(self, before: Tags) -> Tags:
        """The tags of `before`, then these, each name once."""
        fixed = {tag.name: tag for tag in (*before.fixed, *self.fixed)}
        moving = {tag.name: tag for tag in (*before.moving, *self.moving)}
        return Tags(
            fixed=tuple(fixed.values()),
            moving=tuple(moving.values()),
            names=tuple(dict.fromkeys((*before.names, *self.names))),
        )


def split_place(text: str) -> tuple[str, tuple[str, ...]]:
    """The repository and the tags of a text `REPO[:TAG,...]`. Raises `ConfigError`."""
    first, *more = text.split(",")
    if "@" in first:
        raise ConfigError(
            f"`{text}` names a digest, but a copy keeps the digest of SOURCE", hint="write `REPO:TAG`"
        )
    if first.startswith("oci:"):
        head, colon, tag = first.removeprefix("oci:").rpartition(":")
        repository, name = (f"oci:{head}", tag) if colon else (first, "")
    else:
        reference = Reference.parse(first.removeprefix("docker://"))
        repository, name = reference.name, reference.tag or ""
    if more and not name:
        raise ConfigError(f"`{text}` has a comma and no tag before it", hint="write `REPO:TAG,TAG`")
    return repository, tuple(dict.fromkeys(require_tag(tag) for tag in ([name] if name else []) + more))


def named_tags(names: Sequence[str]) -> Tags:
    """Sort tags that `--to` names into fixed tags, moving tags and other names. Raises `ConfigError`."""
    for name in names:
        require_free(name)
    return Tags(
        fixed=tuple(
            FixedTag(name=name, reason=_ASKED, policy=policy)
            for name in names
            if (policy := fixed_policy(name)) is not None
        ),
        moving=tuple(
            MovingTag(name=name, reason=_ASKED, line=line)
            for name in names
            if (line := release_line(name)) is not None
        ),
        names=tuple(name for name in names if fixed_policy(name) is None and release_line(name) is None),
    )


def usual_tags(
    session: Session,
    component: Component | None,
    candidate: Candidate | None,
    released: str | None,
    given: str | None,
) -> Tags | None:
    """The tags of a promotion whose `--to` names none; None if no tag can be chosen.

    `released`: the fixed tag of the image's version, which gets the tags that its component chooses for a release.
    `given`: the tag of the given reference, taken if the image is not a released version.
    """
    if released is not None and candidate is not None and candidate.version is not None:
        fixed = FixedTag(name=released, reason="its version", policy="version")
        if component is not None and component.section.tags != "default":
            return Tags(fixed=(fixed,), moving=tuple(moving_tags(session, component, candidate.version)))
        policy = TagPolicy() if component is None else policy_of(component)
        return Tags(fixed=(fixed,), moving=tuple(release_lines(candidate.version, policy)))
    if given is not None and release_line(given) is None:
        return named_tags((given,))
    return None
