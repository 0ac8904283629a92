"""Finds the image that a promotion copies: its release in the log, and what its labels say."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from release.app.lifecycle.named_image import located
from release.app.lifecycle.released_tag import released_by_rules, released_tag
from release.app.releases.known import project_of
from release.app.releases.version_tags import fixed_tag
from release.app.session import Session
from release.config.component import Component
from release.effects.version_status import read_status
from release.errors import BuildError, RegistryError
from release.events import Note
from release.image_names.choose_image import read
from release.image_names.image_location import ImageLocation
from release.lazy_pattern import pattern
from release.log.catalog.view import LogView
from release.log.records.entry_members import rebuild_of
from release.log.served import contradiction
from release.log.state import ReleaseState
from release.oci import ImageFacts, Repository
from release.oci.image_config import is_without_image, manifest_facts
from release.tagging.labels import REVISION, VERSION
from release.tagging.model import Candidate
from release.versions.semver import image_tag_of, version_of_image_tag, version_of_name
from release.versions.status import KnownStatus, merged, with_status

_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_VERSION = pattern(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}", re.ASCII)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The image that is promoted. `tag`: the tag of the given reference. `released`: the fixed tag of its version.

    `fixed`: that tag by the rules of its component, if they name it otherwise: `v1.4.2`, `1.4.2-alpine`.
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
    fixed: str | None = None
    release: str | None = None

    @property
    def build(self) -> str | None:
        """What records call the image: its version, or for a rebuild the rebuild's tag, such as `1.4.2_r1`."""
        found = version_of_image_tag(self.released or "")
        return self.released if found is not None and found[1] else self.version

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
    """Find the image of a reference or a short name, its release in the log, and its labels. Raises `NotFound`.

    Raises `BuildError` for an index without an image, which nothing could run.
    """
    location, named = located(session, text)
    text = location.text
    repository: Repository = location.repository
    manifest = read(location)
    if is_without_image(repository, manifest):
        raise BuildError(f"`{text}` has no image for any platform", hint="check what was built there")
    component = named or component_of(session, location)
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
    if named is None and len(sharing := _with_target(session, location)) > 1:
        component = _released_from(session, sharing, known, location.tag, version) or component
    released, fixed = released_tag(repository, manifest.digest, location.tag, version, known), None
    if component is not None and component.section.tags != "default":
        by_rules = released_by_rules(
            session, component, repository, manifest.digest, location.tag, version, known
        )
        released, fixed = by_rules or (released, None)
    return Origin(
        name=target_name(session, location),
        digest=manifest.digest,
        project=known.project if known is not None else project,
        component=component,
        repository=repository,
        tag=location.tag,
        commit=known.commit if known is not None else _commit(labels),
        version=version,
        released=released,
        fixed=fixed,
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


def component_of(
    session: Session, location: ImageLocation, promoted: Component | None = None
) -> Component | None:
    """The component that has the location as target; else the only component with targets, if there is just one.

    `promoted`: the component of the image that comes there, which counts before others that share the location, and
    where no component has it. `--component` restricts the last choice: only the components that it names are counted.
    """
    own = _with_target(session, location)
    if promoted is not None and (not own or promoted in own):
        return promoted
    if own:
        return own[0]
    chosen = [one for one in session.components if one.targets]
    return chosen[0] if len(chosen) == 1 else None


def _with_target(session: Session, location: ImageLocation) -> list[Component]:
    return [
        component
        for component in session.config.components
        if any(session.registries.open(one.image).name == location.name for one in component.targets)
    ]


def _released_from(
    session: Session,
    sharing: Sequence[Component],
    known: ReleaseState | None,
    tag: str | None,
    version: str | None,
) -> Component | None:
    """Of the components that share a repository the one whose release the image is, by the log, else by its tag."""
    if known is not None:
        return next((one for one in sharing if one.name == known.component), None)
    for one in sharing:
        read = version_of_name(version or "", one.section.versions)
        if tag is not None and read is not None and tag == fixed_tag(session, one, read[0], rebuild_of(tag)):
            return one
    return None


def target_name(session: Session, location: ImageLocation) -> str:
    """The location's name in plans and the log: the path of a layout is relative to the git repository's root."""
    if location.registry is not None:
        return location.name
    path = os.path.relpath(location.repository.path, session.root)
    return f"oci:{location.repository.path if path.startswith('..') else path}"


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
    if doubt is not None and known.as_commit and _holds_version(repository, known, facts.digest):
        return None  # released with `--as-commit`: log and registry agree on it
    said = facts.labels.get(VERSION)
    if doubt is not None or not known.version or said == known.version:
        return doubt
    if _holds_version(repository, known, facts.digest):
        return None
    return f"the image says version {said or 'nothing'}"


def _holds_version(repository: Repository, known: ReleaseState, digest: str) -> bool:
    """Whether the fixed tag of the release's version holds the image."""
    read = version_of_name(known.version)
    held = repository.resolve(image_tag_of(read[0], known.rebuild)) if read is not None else None
    return held is not None and held.digest == digest


def _recorded(state: LogView, digest: str, project: str) -> list[ReleaseState]:
    """The releases that the log has for the digest: those of `project` first, as two projects may build one image.

    In each project finished releases come first, then those with a version, then newer ones.
    """
    found = [
        one for one in state.releases_with(digest) if one.image is not None and one.image.digest == digest
    ]
    # The image of a branch build may be the image of a version, too (`reuse: commit`): then the version is taken.
    return sorted(found, key=lambda one: _rank(one, project), reverse=True)


def _rank(release: ReleaseState, project: str) -> tuple[bool, bool, bool, bool, int]:
    """What makes a release a better answer than another one of the same image: the higher rank."""
    own, done = release.project == project, release.state == "released"
    return own, done, bool(release.version), not release.between_releases, release.last_seq
