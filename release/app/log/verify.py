"""Checks the hash chain of the version log, and compares recorded tags and images with what the registries serve."""

from __future__ import annotations

from collections.abc import Sequence

from release.app.help_topics import caught
from release.app.log.anchor import VARIABLE
from release.app.log.verify_copies import (
    ReadCopy,
    compared,
    read_copies,
    require_copies,
    require_head,
    with_whole_copy,
)
from release.app.log.verify_report import TagFinding, VerifyReport, VerifyRequest
from release.app.session import Session
from release.errors import ConfigError, DamagedBlob, LogCorrupt, RefusedError, RegistryError, ReleaseError
from release.log import Head
from release.log.anchor import anchor_text, contradiction, parse_anchor
from release.log.chain import head_of
from release.log.replicate import Mirrored
from release.log.torn import MayTear


def verify(workspace: Session, request: VerifyRequest) -> VerifyReport:
    """Check the log and its copies.

    Raises `LogCorrupt` with the position where the chain is broken, or if the log lacks the anchor.

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
    copies: Sequence[ReadCopy] = read_copies(store.mirrors) if isinstance(store, Mirrored) else ()
    wanted = {one.head.seq for one in copies}
    hashes: dict[int, str] = {}
    head, kept = Head(), None
    try:
        for entry in store.read():
            head = head_of(entry)
            if head.seq in wanted:
                hashes[head.seq] = head.hash
            if anchor is not None and head.seq == anchor.seq:
                kept = entry
        count = head.seq + 1
        require_head(store, count)
    except LogCorrupt as error:
        raise with_whole_copy(error, copies) from error
    if anchor is not None and (wrong := contradiction(anchor, kept, count)) is not None:
        raise LogCorrupt(
            f"version log `{store.name}` {wrong}",
            hint="restore the log from a copy, such as a mirror or a backup; nothing was changed",
        )
    source = store.truth if isinstance(store, Mirrored) else store
    return VerifyReport(
        log=store.name,
        entries=count,
        head=anchor_text(head),
        tags=_compared(workspace, request) if request.registry else (),
        torn=source.torn() if isinstance(source, MayTear) else (),
        anchor=anchor_text(anchor) if anchor is not None else "",
        copies=tuple(compared(one, head, hashes) for one in copies),
    )


def _compared(workspace: Session, request: VerifyRequest) -> tuple[TagFinding, ...]:
    from release.app.log.compare_registries import (
        compare_registries,  # imported late: only `--registry` compares
    )

    return compare_registries(workspace, blobs=request.blobs)


def _anchor(workspace: Session, request: VerifyRequest) -> Head | None:
    if request.anchor is not None:
        return parse_anchor(request.anchor, given="--anchor")
    text = workspace.settings.env.get(VARIABLE, "")
    return parse_anchor(text, given=VARIABLE) if text else None


def fault(report: VerifyReport) -> ReleaseError | None:
    """The error of the report: that of a copy of the log, `RefusedError` for a tag that is not as recorded.

    `RegistryError` for missing blobs.

    Also `RegistryError` for a tag that could not be read. None if all recorded tags are as recorded.
    """
    return caught(require_copies, report.log, report.copies) or caught(_require_as_recorded, report)


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
