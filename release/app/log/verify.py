"""Checks the hash chain of the version log, and compares recorded tags and images with what the registries serve."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.app.help_topics import caught
from release.app.log.adopt import unrecorded_tags
from release.app.log.anchor import VARIABLE
from release.app.log.scope import scope_of
from release.app.session import Session
from release.errors import (
    ConfigError,
    DamagedBlob,
    LogCorrupt,
    NotFound,
    RefusedError,
    RegistryError,
    ReleaseError,
)
from release.log import Head
from release.log.anchor import contradiction, parse_anchor
from release.log.replicate import Mirrored
from release.log.served import contradiction as label_contradiction
from release.log.served import has_own_version
from release.log.state import TagHold
from release.log.torn import MayTear, Torn
from release.oci import Repository
from release.oci.image_config import image_facts
from release.transfer.repair import missing_blobs, put_back

Finding = Literal[
    "same", "moved", "deleted", "differs", "restored", "incomplete", "damaged", "unknown", "unrecorded"
]


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`registry`: compare every recorded tag, and its image's labels, with what the registry serves.

    `blobs`: with `registry`, also look for each blob of these images, and put missing ones back from any other place
    that has them. `anchor`: `N:HASH`, a head that an earlier run printed as `log-entry`; None: that of
    `SHIPMARK_LOG_ANCHOR`, if any.
    """

    registry: bool = False
    blobs: bool = False
    anchor: str | None = None


class TagFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded tag and what was found.

    `finding`: `differs` if the tag holds the recorded digest but the image's labels contradict the log; `restored` if
    blobs of the image were missing and were put back, `incomplete` if they are still missing, `damaged` if the registry
    keeps a blob of another size; `unrecorded` for a version tag of the registry that the log does not have.
    """

    target: str
    tag: str
    finding: Finding
    detail: str


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`log`: the store's name. `head`: `seq:hash` of the last entry, or empty. `tags`: only with `registry`.

    `torn`: appends that a crash tore, put aside or still at the log's end. `anchor`: the head that the log was found
    to have, or empty.
    """

    schema: Literal["shipmark.log-verify/1"] = "shipmark.log-verify/1"
    log: str
    entries: int
    head: str
    tags: tuple[TagFinding, ...]
    torn: tuple[Torn, ...] = ()
    anchor: str = ""


def verify(workspace: Session, request: VerifyRequest) -> VerifyReport:
    """Check the log. Raises `LogCorrupt` with the position where the chain is broken, or if the log lacks the anchor.

    Differences between log and registry are in the report; `fault` makes an error of such differences. In a run that is
    not trusted an error is raised, since the log is not read.
    """
    if request.blobs and not request.registry:
        raise ConfigError("`--blobs` has no effect without `--registry`", hint="add `--registry`")
    anchor = _anchor(workspace, request)
    store = workspace.log.store
    if not workspace.trust.trusted:
        # Always raises: a run that is not trusted reads an empty log, which would be reported as whole.
        store.check_writable()
    count, last, kept = 0, None, None
    for entry in store.read():
        count, last = count + 1, entry
        if anchor is not None and entry.seq == anchor.seq:
            kept = entry
    if anchor is not None and (wrong := contradiction(anchor, kept, count)) is not None:
        raise LogCorrupt(
            f"version log `{store.name}` {wrong}",
            hint="restore the log from a copy, such as a mirror or a backup; nothing was changed",
        )
    if (head := store.head()).seq < count - 1:
        raise LogCorrupt(
            f"version log `{store.name}` has {count} entries, and its head says that entry {head.seq} is the last",
            hint="somebody changed the head: restore the log from a copy; nothing was changed",
        )
    source = store.truth if isinstance(store, Mirrored) else store
    return VerifyReport(
        log=store.name,
        entries=count,
        head=f"{last.seq}:{last.fields['hash']}" if last is not None else "",
        tags=_compare(workspace, blobs=request.blobs) if request.registry else (),
        torn=source.torn() if isinstance(source, MayTear) else (),
        anchor=f"{anchor.seq}:{anchor.hash}" if anchor is not None else "",
    )


def _anchor(workspace: Session, request: VerifyRequest) -> Head | None:
    if request.anchor is not None:
        return parse_anchor(request.anchor, given="--anchor")
    text = workspace.settings.env.get(VARIABLE, "")
    return parse_anchor(text, given=VARIABLE) if text else None


def fault(report: VerifyReport) -> ReleaseError | None:
    """The error of the report: `RefusedError` for a tag that is not as recorded, `RegistryError` for missing blobs.

    Also `RegistryError` for a tag that could not be read. None if all recorded tags are as recorded.
    """
    return caught(_require_as_recorded, report)


def _require_as_recorded(report: VerifyReport) -> None:
    wrong = [one for one in report.tags if one.finding in {"moved", "deleted"}]
    if wrong:
        names = ", ".join(f"`{one.target}:{one.tag}`" for one in wrong)
        raise RefusedError(
            f"not what was recorded: {names}",
            hint="the tags were moved or deleted without a record: `shipmark log history TAG` lists what was recorded",
        )
    first = next((one for one in report.tags if one.finding == "differs"), None)
    if first is not None:
        raise RefusedError(
            f"`{first.target}:{first.tag}` is not the image that the log says: {first.detail}",
            hint="somebody changed the log, or another image was released under this version: "
            f"`shipmark image inspect {first.target}:{first.tag}` shows what it is",
        )
    incomplete = next((one for one in report.tags if one.finding == "incomplete"), None)
    if incomplete is not None:
        raise RegistryError(
            f"`{incomplete.target}:{incomplete.tag}` cannot be pulled: {incomplete.detail}",
            hint="copy the image from where it still is: `shipmark image copy SOURCE DESTINATION`",
        )
    damaged = next((one for one in report.tags if one.finding == "damaged"), None)
    if damaged is not None:
        raise DamagedBlob(
            f"`{damaged.target}:{damaged.tag}` cannot be pulled: {damaged.detail}",
            hint="delete that file in the registry's storage (`blobs/sha256/AB/ABC…/data`), then run this again",
        )
    silent = [one for one in report.tags if one.finding == "unknown"]
    if silent:
        raise RegistryError(
            f"{len(silent)} tags could not be read: {silent[0].detail}",
            hint="try again when the registry answers",
        )


def _compare(workspace: Session, *, blobs: bool) -> tuple[TagFinding, ...]:
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
    wrong = label_contradiction(release, facts, any_version=not has_own_version(release))
    return ("same", hold.digest) if wrong is None else ("differs", f"{hold.digest}: {wrong}")
