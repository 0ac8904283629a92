"""Compares recorded tags and images with what the registries serve, and puts missing blobs back."""

from __future__ import annotations

from release.app.log.adopt import unrecorded_tags
from release.app.log.scope import scope_of
from release.app.log.verify_report import Finding, TagFinding
from release.app.session import Session
from release.errors import DamagedBlob, NotFound, RegistryError, ReleaseError
from release.log.served import contradiction as label_contradiction
from release.log.served import has_own_version
from release.log.state import ReleaseState, TagHold
from release.oci import Repository
from release.oci.image_config import image_facts
from release.transfer.repair import missing_blobs, put_back


def compare_registries(workspace: Session, *, blobs: bool) -> tuple[TagFinding, ...]:
    """A finding for each recorded tag, and for each version tag that only a registry has.

    `blobs`: see `VerifyRequest`.
    """
    findings = []
    # Several tags name one image; its labels are read once.
    read: dict[tuple[str, str, str], tuple[Finding, str]] = {}
    scope = scope_of(workspace)
    for (target, tag), holds in workspace.log_state.whole.holds.items():
        last = holds[-1]
        if not last.digest or not scope.covers_tag(target, holds):
            continue
        finding, detail = _look(workspace, target, tag, last)
        if finding == "same":
            key = (target, last.digest, last.release)
            if key not in read:
                # Blobs first: the labels are in the image's config, which is a blob that may be missing itself.
                found = _look_for_blobs(workspace, target, last.digest) if blobs else ("same", last.digest)
                labels = _look_inside(workspace, target, last) if found[0] in {"same", "restored"} else found
                read[key] = found if labels[0] == "same" else labels
            finding, detail = read[key]
        findings.append(TagFinding(target=target, tag=tag, finding=finding, detail=detail))
    return (*findings, *_unrecorded(workspace))


def _unrecorded(workspace: Session) -> tuple[TagFinding, ...]:
    try:
        found = unrecorded_tags(workspace)
    except RegistryError as error:
        workspace.warn(f"version tags that only the registry has are not known: {error.message}")
        return ()
    return tuple(
        TagFinding(target=one.target, tag=one.tag, finding="unrecorded", detail=one.digest) for one in found
    )


def _look(workspace: Session, target: str, tag: str, hold: TagHold) -> tuple[Finding, str]:
    try:
        found = workspace.registries.open(target).resolve(tag)
    except ReleaseError as error:
        return "unknown", error.message
    if found is None:
        return "deleted", f"recorded {hold.digest}, now there is no such tag"
    if found.digest != hold.digest:
        return "moved", f"recorded {hold.digest}, now {found.digest}"
    return "same", hold.digest


def _look_for_blobs(workspace: Session, target: str, digest: str) -> tuple[Finding, str]:
    """Look for each blob of the image, and put missing ones back."""
    repository = workspace.registries.open(target)
    try:
        if not missing_blobs(repository, digest, cancel=workspace.cancel):
            return "same", digest
    except NotFound:
        pass  # a manifest below the index is missing: put back, too
    except ReleaseError as error:
        return "unknown", error.message
    try:
        places = _places_with(workspace, digest)
        count = put_back(repository, digest, places, sink=workspace.sink, cancel=workspace.cancel)
    except NotFound as error:
        return "incomplete", error.message
    except DamagedBlob as error:
        return "damaged", error.message
    except ReleaseError as error:
        return "unknown", error.message
    return "restored", f"{digest}: {count} missing blobs and manifests put back"


def _places_with(workspace: Session, digest: str) -> list[Repository]:
    """The local store, and every repository that the log names for the digest."""
    named = [
        target for (target, _), holds in workspace.log_state.whole.holds.items() if holds[-1].digest == digest
    ]
    opened = [workspace.registries.open(target) for target in dict.fromkeys(named)]
    return [workspace.store.open(), *opened]


def _look_inside(workspace: Session, target: str, hold: TagHold) -> tuple[Finding, str]:
    """Compare the labels of the tag's image with what the log says of the release that set the tag."""
    release = workspace.log_state.release(hold.release)
    if release is None:
        return "same", hold.digest
    try:
        facts = image_facts(workspace.registries.open(target), hold.digest, every=True)
    except ReleaseError as error:
        return "unknown", error.message
    if facts is None:
        return "unknown", f"`{target}` does not serve {hold.digest} by its digest"
    try:
        is_held = release.as_commit and _has_fixed_tag(workspace, target, release, hold.digest)
    except ReleaseError as error:
        return "unknown", error.message
    wrong = label_contradiction(release, facts, any_version=not has_own_version(release), is_held=is_held)
    return ("same", hold.digest) if wrong is None else ("differs", f"{hold.digest}: {wrong}")


def _has_fixed_tag(workspace: Session, target: str, release: ReleaseState, digest: str) -> bool:
    """Whether a fixed tag of the release holds the image, on `target` or where the release was pushed to.

    A place that got the image by `promote` has the version's tag alone, or only tags that the user named.
    """
    fixed = [(content.target, tag) for content in release.pushed for tag in content.tags]
    there = [(target, tag) for _, tag in fixed]
    for place, tag in dict.fromkeys([*there, *fixed]):
        held = workspace.registries.open(place).resolve(tag)
        if held is not None and held.digest == digest:
            return True
    return False
