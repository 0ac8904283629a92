"""Records how an unfinished run ended; facts that the log does not take are written to a file for `log import`."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from release.app.attempt_records import record_context, record_end
from release.app.help_topics import caught
from release.app.releases.attempt_end import ending_facts, unrecorded_facts
from release.app.session import Session
from release.errors import LogError, PartialError, ReleaseError
from release.events import Note
from release.filesystem.new_files import PRIVATE
from release.hints import DEFECT
from release.log.anchor import anchor_text
from release.log.identity import with_masked_prose
from release.log.stores.file.folder import LogFolder
from release.log.stores.syscalls import OsFiles
from release.plan.model import binding
from release.plan.operands import LOG_ENTRY
from release.plan.outcome import Report

UNRECORDED_SCHEMA = "shipmark.unrecorded/1"


def settle_end(session: Session, report: Report, attempt: str) -> Report:
    """Record how the attempt ended, with the facts that became true and are not recorded yet; return the report.

    The returned report binds `LOG_ENTRY` to the log's end after that.
    If the log does not take the facts, the run's own error stays the report's error. If the release is visible, the
    facts are written to a file, which the error then names.
    """
    error: ReleaseError = report.error
    context = record_context(session, attempt)
    missing = unrecorded_facts(report.outcomes, context)
    facts = [*missing, *ending_facts(report.plan, report.outcomes, error, context)]
    facts = [with_masked_prose(fact, session.secrets.mask) for fact in facts]
    try:
        head = record_end(session, facts)
    except Exception as caught_error:  # noqa: BLE001 - a defect of a store must not lose what is visible
        trouble = _expected(caught_error)
        if missing and isinstance(error, PartialError):
            kept = caught(_say_kept, error, keep(session, facts, attempt), trouble.hint or _cure(error))
            return msgspec.structs.replace(report, error=kept)
        text = f"the end of this attempt is not recorded: {trouble.message}"
        session.sink.emit(Note(level="warning", text=text))
        return report
    if head is None:
        return report
    # The outputs name the log's end, which these entries moved past what the steps bound.
    return msgspec.structs.replace(report, bindings=report.bindings | binding(LOG_ENTRY, anchor_text(head)))


def _expected(error: Exception) -> ReleaseError:
    if isinstance(error, ReleaseError):
        return error
    return ReleaseError(f"unexpected failure: {type(error).__name__}: {error}", hint=DEFECT)


def _cure(error: PartialError) -> str | None:
    """The hint of the run's error if the log caused it: the log may not even answer when the end is recorded."""
    return error.hint if isinstance(error.__cause__, LogError) else None


def _say_kept(error: PartialError, path: str, cure: str | None) -> None:
    """Raise the run's error with the path of the file for `log import`. `cure`: the hint of the log's own error."""
    hint = "`shipmark log import FILE` appends it when the log can be written; or run again"
    if cure is not None:
        hint = f"{cure}; `shipmark log import FILE` appends it then, too"
    raise PartialError(f"{error.message}; what the version log lacks is in `{path}`", hint=hint) from error


def keep(session: Session, facts: Sequence[dict[str, Any]], attempt: str) -> str:
    """Write `facts` into a new file and return its path: in `.shipmark/`, else in the folder for temporary files.

    The workspace is preferred, because CI systems can keep its files as artifacts. The mode is 0600; only `log import`
    reads the file. If no file can be written, the facts are printed.
    """
    lines = [json.dumps({"schema": UNRECORDED_SCHEMA, "fact": fact}, ensure_ascii=False) for fact in facts]
    content = "".join(f"{line}\n" for line in lines).encode()
    name = f"unrecorded-{attempt}.jsonl"
    folders: tuple[Callable[[], str], ...] = (
        lambda: os.path.join(session.root, ".shipmark"),
        tempfile.gettempdir,
    )
    for folder_of in folders:
        try:
            # `gettempdir` itself writes a file, and raises where each folder for temporary files is on a full disk.
            path = os.path.join(folder_of(), name)
            _write_new(session, path, content)
        except (OSError, ReleaseError):
            continue
        inside = os.path.relpath(path, session.directory)
        return path if inside.startswith("..") else inside
    # No folder can be written to, so the facts are printed: a person can copy them from the job's log.
    session.sink.emit(Note(level="warning", text=f"not recorded, and no file for it: {content.decode()}"))
    return "the lines above"


def _write_new(session: Session, path: str, content: bytes) -> None:
    files = OsFiles(session.root)
    LogFolder(os.path.dirname(path), files).make()
    fd = files.open(path, create=True, exclusive=True, mode=PRIVATE)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
