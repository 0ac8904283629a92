"""Finds the fixed tag of the version that a promoted image was released as."""

from __future__ import annotations

from release.app.releases.version_tags import fixed_tag
from release.app.session import Session
from release.config.component import Component
from release.log.records.entry_members import rebuild_of
from release.log.state import ReleaseState
from release.oci import Repository
from release.versions.semver import image_tag_of, version_of_image_tag, version_of_name


def released_tag(
    repository: Repository, digest: str, tag: str | None, version: str | None, known: ReleaseState | None
) -> str | None:
    """The fixed tag of the version that the image was released as, or None.

    The given tag is preferred if it is a version, then the version's tag by the log, then the tag of the version label
    if that tag holds the image.
    """
    if tag is not None and version_of_image_tag(tag) is not None:
        return tag
    read = version_of_name(version or "")
    if read is None:
        return None
    if known is not None and known.state == "released" and not known.between_releases:
        return image_tag_of(read[0], known.rebuild)
    name = image_tag_of(*read)
    held = repository.resolve(name)
    return name if held is not None and held.digest == digest else None


def released_by_rules(
    session: Session,
    component: Component,
    repository: Repository,
    digest: str,
    tag: str | None,
    version: str | None,
    known: ReleaseState | None,
) -> tuple[str, str] | None:
    """The default scheme's and the rules' fixed tag of the version that the image was released as.

    None unless the given tag is the rules' one, or the registry has the image under it.
    """
    read = version_of_name(version or "", component.section.versions)
    if read is None or (known is not None and known.between_releases):
        return None
    given = rebuild_of(tag or "")
    if tag == fixed_tag(session, component, read[0], given):
        return image_tag_of(read[0], given), tag
    rebuild = known.rebuild if known is not None else 0
    name = fixed_tag(session, component, read[0], rebuild)
    held = repository.resolve(name)
    return (image_tag_of(read[0], rebuild), name) if held is not None and held.digest == digest else None
