"""Finds, for a promotion, the source image, its release in the log, and the tags that it gets on each target."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from release.app.released.landings import moving_tags
from release.app.releases.known import project_of
from release.app.session import Session, policy_of
from release.config.load import Component
from release.effects.version_status import read_status
from release.errors import ConfigError, RegistryError
from release.events import Note
from release.image_names.choose_image import read
from release.image_names.image_location import ImageLocation, locate_target
from release.lazy_pattern import pattern
from release.log.catalog.view import LogView
from release.log.served import contradiction
from release.log.state import ReleaseState
from release.oci import ImageFacts, Repository
from release.oci.image_config import manifest_facts
from release.oci.reference import Reference, require_tag
from release.plan.promote import Destination
from release.plan.tag_kind import fixed_policy, release_line
from release.tagging.default_scheme import release_lines
from release.tagging.labels import REVISION, VERSION
from release.tagging.model import Candidate, FixedTag, HeldTags, MovingTag, TagPolicy
from release.versions.semver import image_tag_of, version_of_image_tag
from release.versions.status import KnownStatus, merged, with_status

_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_VERSION = pattern(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}", re.ASCII)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The image that is promoted. `tag`: the tag of the given reference. `released`: the fixed tag of its version.

    `commit`, `version`: from the log where log and image agree, else from the image's labels. `release`: the release
    key in the log. Members are None if unknown.
    """

    name: str
    digest: str
    project: str
    component: Any  # Component | None
    repository: Any  # Repository
    tag: str | None = None
    commit: str | None = None
    version: str | None = None
    released: str | None = None
    release: str | None = None

    @property
    def candidate(self) -> Candidate | None:
        """Commit, version and rebuild of the image, for the moving tags' guard; None without a version.

        The version is that of the fixed tag. Of an image that the log does not know it may be that of the label, on
        which all platforms of an index agree.
        """
        labelled = self.version if self.release is None else None
        name = self.released or (labelled or "").replace("+", "_")
        found = version_of_image_tag(name)
        if found is None:
            return None
        return Candidate(commit=self.commit or "", version=found[0], rebuild=found[1])


def origin_of(session: Session, text: str) -> Origin:
    """Find the image of a reference, its release in the log, and its labels. Raises `NotFound`."""
    location = locate_target(session, text)
    repository: Repository = location.repository
    manifest = read(location)
    component = _component(session, location)
    project = location.name if component is None else project_of(session, component)
    told = _recorded(session.log_state, manifest.digest, project)
    facts = manifest_facts(repository, manifest, every=True)
    labels: Mapping[str, str] = facts.labels
    doubts = [_doubt(repository, one, facts) for one in told]
    known = next((one for one, doubt in zip(told, doubts, strict=True) if doubt is None), None)
    for one, doubt in zip(told, doubts, strict=True):
        if doubt is not None:
            text = f"the version log calls {manifest.digest} {one.version or one.commit}, and is not believed: {doubt}"
            session.sink.emit(Note(level="warning", text=text))
    version = known.version if known is not None and known.version else _version(labels)
    return Origin(
        name=_target_name(session, location),
        digest=manifest.digest,
        project=known.project if known is not None else project,
        component=component,
        repository=repository,
        tag=location.tag,
        commit=known.commit if known is not None else _commit(labels),
        version=version,
        released=_released(repository, manifest.digest, location.tag, version, known),
        release=known.key if known is not None else None,
    )


def yanked_version(session: Session, origin: Origin) -> str | None:
    """The image's version if the version log, or the status artifact of its repository, says that it was taken back.

    None if the image's version is unknown, and if neither the log nor the artifact says that it was taken back. An
    archive has no such artifact: of its images only the log says anything.
    """
    candidate = origin.candidate
    if candidate is None or candidate.version is None:
        return None
    told: tuple[KnownStatus, ...] = ()
    with suppress(RegistryError):  # reading the image reports an error of the registry
        told = read_status(origin.repository).statuses
    statuses = merged(session.log_state.statuses_of(origin.project), told)
    names = {str(candidate.version), image_tag_of(candidate.version, candidate.rebuild)}
    return next((name for name in with_status(statuses, "yanked") if name in names), None)


def destinations(session: Session, origin: Origin, texts: Sequence[str]) -> tuple[Destination, ...]:
    """The destinations that texts `REPO[:TAG,...]` name, one for each repository, with what their tags hold now.

    Raises `ConfigError`.
    """
    wanted: dict[str, Tags] = {}
    for text in texts:
        head, names = split_place(text)
        location = locate_target(session, head)
        target = _target_name(session, location)
        component = _component(session, location)
        tags = named_tags(names) if names else _usual(session, origin, target, component)
        if component is not None and not _may_move(session, component, target):
            tags = msgspec.structs.replace(tags, moving=())
        wanted[target] = tags.joined(wanted.get(target, Tags()))
    return tuple(_destination(session, origin, target, tags) for target, tags in wanted.items())


def _usual(session: Session, origin: Origin, target: str, component: Component | None) -> Tags:
    tags = usual_tags(session, component, origin.candidate, origin.released, origin.tag)
    if tags is None:
        raise ConfigError(
            f"`{origin.name}@{origin.digest}` is not a released version, so `--to` must name its tags in `{target}`",
            hint=f"write `--to {target}:TAG`",
        )
    return tags


def _may_move(session: Session, component: Component, target: str) -> bool:
    own = [one for one in component.targets if session.registries.open(one.image).name == target]
    return all(one.moving for one in own)


def _destination(session: Session, origin: Origin, target: str, tags: Tags) -> Destination:
    repository = session.registries.open(target)
    session.tags.ahead(repository, tags.every, listing=bool(tags.moving))
    held = HeldTags(held=tuple(session.tags.read(repository, target, name) for name in tags.every))
    recorded, follows = history(session.log_state, target, tags.every, origin.digest)
    return Destination(
        target=target,
        fixed=tags.fixed,
        moving=tags.moving,
        names=tags.names,
        held=held,
        recorded=recorded,
        follows=follows,
    )


def _released(
    repository: Repository, digest: str, tag: str | None, version: str | None, known: ReleaseState | None
) -> str | None:
    """The fixed tag of the version that the image was released as, or None.

    The given tag is preferred if it is a version, then the version's tag by the log, then the tag of the version label
    if that tag holds the image.
    """
    if tag is not None and version_of_image_tag(tag) is not None:
        return tag
    read = version_of_image_tag((version or "").replace("+", "_"))
    if read is None:
        return None
    if known is not None and known.state == "released":
        return image_tag_of(read[0], known.rebuild)
    name = image_tag_of(*read)
    held = repository.resolve(name)
    return name if held is not None and held.digest == digest else None


def _commit(labels: Mapping[str, str]) -> str | None:
    """The image's label `revision` if its text is a commit id, else None: log records accept commit ids only."""
    said = labels.get(REVISION, "")
    return said if _COMMIT.fullmatch(said) else None


def _version(labels: Mapping[str, str]) -> str | None:
    said = labels.get(VERSION, "")
    return said if _VERSION.fullmatch(said) else None


def _doubt(repository: Repository, known: ReleaseState, facts: ImageFacts) -> str | None:
    """The reason why the image's labels contradict the image's release in the log, or None if they agree.

    A branch build that was released by `reuse` keeps its own version in the label. So a label with another version than
    the release's is no contradiction if the release's fixed tag holds the image.
    """
    doubt = contradiction(known, facts, any_version=True)
    said = facts.labels.get(VERSION)
    if doubt is not None or not known.version or said == known.version:
        return doubt
    read = version_of_image_tag(known.version.replace("+", "_"))
    held = repository.resolve(image_tag_of(read[0], known.rebuild)) if read is not None else None
    if held is not None and held.digest == facts.digest:
        return None
    return f"the image says version {said or 'nothing'}"


def _recorded(state: LogView, digest: str, project: str) -> list[ReleaseState]:
    """The releases that the log has for the digest: those of `project` first, as two projects may build one image.

    In each project finished releases come first, then those with a version, then newer ones.
    """
    found = [
        one for one in state.releases_with(digest) if one.image is not None and one.image.digest == digest
    ]
    # The image of a branch build may be the image of a version, too (`reuse: commit`): then the version is taken.
    return sorted(
        found,
        key=lambda one: (one.project == project, one.state == "released", bool(one.version), one.last_seq),
        reverse=True,
    )


def history(state: LogView, target: str, tags: Sequence[str], digest: str) -> tuple[bool, int | None]:
    """Whether the log says that every tag holds the digest; and the position of the last entry that set one of them."""
    last = [hold for tag in tags if (hold := state.last_hold(target, tag)) is not None]
    recorded = bool(tags) and len(last) == len(tags) and all(one.digest == digest for one in last)
    return recorded, max((one.seq for one in last), default=None)


def _component(session: Session, location: ImageLocation) -> Component | None:
    """The component that has the location as target; else the only component with targets, if there is just one.

    `--component` restricts the second choice: only the components that it names are counted.
    """
    for component in session.config.components:
        if any(session.registries.open(one.image).name == location.name for one in component.targets):
            return component
    chosen = [one for one in session.components if one.targets]
    return chosen[0] if len(chosen) == 1 else None


def _target_name(session: Session, location: ImageLocation) -> str:
    """The location's name in plans and the log: the path of a layout is relative to the git repository's root."""
    if location.registry is not None:
        return location.name
    path = os.path.relpath(location.repository.path, session.root)
    return f"oci:{location.repository.path if path.startswith('..') else path}"


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
    """Sort tags that `--to` names into fixed tags, moving tags and other names."""
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
