"""How a run ends that did not finish: said in the log, and what the log did not take is kept in a file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import msgspec

from release.cli.session import Session
from release.cli.wiring import last_words, record_context
from release.effects.ending import ending_facts, unrecorded_facts
from release.errors import PartialError, ReleaseError
from release.log.identity import with_masked_prose
from release.runner import Report
from release.world import Note

UNRECORDED_SCHEMA = "shipmark.unrecorded/1"


def settle_end(session: Session, report: Report, attempt: str) -> Report:
    """Record how the attempt ended, and what became visible and is not recorded yet.

    That the log takes nothing must not hide why the run failed. When others can see something, what the log lacks
    goes to a file, which the error then names.
    """
    error: ReleaseError = report.error
    context = record_context(session, attempt)
    missing = unrecorded_facts(report.outcomes, context)
    facts = [*missing, *ending_facts(report.plan, report.outcomes, error, context)]
    facts = [with_masked_prose(fact, session.secrets.mask) for fact in facts]
    try:
        last_words(session, facts)
    except ReleaseError as trouble:
        if missing and isinstance(error, PartialError):
            kept = PartialError(
                f"{error.message}; what the version log lacks is in `{keep(session, facts, attempt)}`",
                hint="`shipmark log import FILE` takes it when the log can be written; or run again",
            )
            kept.__cause__ = error
            return msgspec.structs.replace(report, error=kept)
        text = f"the end of this attempt is not recorded: {trouble.message}"
        session.sink.emit(Note(level="warning", text=text))
    return report


def keep(session: Session, facts: Sequence[dict[str, Any]], attempt: str) -> str:
    """Write `facts` into a file and return its path: in `.shipmark/`, else where temporary files go."""
    lines = [json.dumps({"schema": UNRECORDED_SCHEMA, "fact": fact}, ensure_ascii=False) for fact in facts]
    content = "".join(f"{line}\n" for line in lines).encode()
    name = f"unrecorded-{attempt}.jsonl"
    for path in (os.path.join(session.root, ".shipmark", name), os.path.join(tempfile.gettempdir(), name)):
        try:
            _write_new(path, content)
        except OSError:
            continue
        inside = os.path.relpath(path, session.directory)
        return path if inside.startswith("..") else inside
    # Nowhere to write: the job's own output is the last place where they can be found.
    session.sink.emit(Note(level="warning", text=f"not recorded, and no file for it: {content.decode()}"))
    return "the lines above"


def _write_new(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
