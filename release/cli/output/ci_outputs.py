"""Writes CI outputs, job summaries and result files.

In `publish` a failure to write a file is only a warning, since the release itself has ended by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import click
import msgspec

from ci.outputs import RESULT_LIMIT, Outputs, dotenv, outputs_text
from ci.summary import Summary, comment_of, markdown_of
from release.app.session import Session
from release.cli.output.files import append_output, require_outputs, write_output
from release.cli.output.foreign import cleaned, json_text
from release.decoding import convert
from release.errors import ReleaseError
from release.events import Note

#: The variable that names a file for the summary as the text of a comment, in any CI system.
COMMENT_FILE = "SHIPMARK_COMMENT_FILE"


def require_publishable(session: Session, result_file: str | None) -> None:
    """Raise `RefusedError` if `publish` would write through a symlink; called before a command changes anything."""
    replaced = [result_file, session.settings.env.get(COMMENT_FILE) or None]
    require_outputs(session, replaced, [path for path, _ in _ci_files(session)])


def publish(
    session: Session,
    outputs: Outputs,
    result_file: str | None,
    *,
    summary: Summary | None = None,
    output_file: bool = True,
) -> None:
    """Write the result file and, on GitHub, Gitea and Forgejo, the output file and the job summary; no known secrets.

    `summary`: the content of the job summary, if there is one; also of the file for a comment. `output_file`: whether
    the command has outputs for later steps of the job. GITHUB_OUTPUT is written in trusted runs only: later steps may
    have credentials, and must not get names that an outsider chose. Texts may quote a server's answer, which may repeat
    a secret.
    """
    outputs = _without_secrets(outputs)
    if result_file is not None:
        limit = RESULT_LIMIT if session.ci.system == "gitlab" else None
        _warned(session, write_output, result_file, dotenv(outputs.values(), limit=limit))
    for path, name in _ci_files(session):
        if name == "GITHUB_OUTPUT" and output_file:
            _write_outputs(session, path, outputs)
    if summary is not None:
        write_summary(session, summary, _warned)
        context = click.get_current_context(silent=True)
        if context is not None:
            context.meta[SUMMARY_WRITTEN] = True


def _write_outputs(session: Session, path: str, outputs: Outputs) -> None:
    if session.trust.trusted:
        _warned(session, append_output, path, outputs_text(outputs.values(), session.entropy.token()))
        return
    text = f"later steps get no outputs: this run is not trusted, because {session.trust.reason}"
    session.sink.emit(Note(level="info", text=text))


#: Key of a click context's `meta`: the mark that the command has written its job summary.
SUMMARY_WRITTEN = "shipmark.summary"
#: Outputs that are JSON documents.
_DOCUMENTS = ("components", "json")


def _without_secrets(outputs: Outputs) -> Outputs:
    texts = msgspec.structs.asdict(outputs)
    # The JSON is decoded first: in its text a secret may contain escapes, so that it would not be found.
    for name in _DOCUMENTS:
        texts[name] = json_text(json.loads(texts[name]), ascii_only=True) if texts[name] else ""
    return Outputs(**{name: text if name in _DOCUMENTS else cleaned(text) for name, text in texts.items()})


Write = Callable[[Session, str, str], None]


def write_summary(
    session: Session, summary: Summary, attempt: Callable[[Session, Write, str, str], None]
) -> None:
    """Append the summary to the job's, and replace the file for a comment; without secrets.

    Rows may hold what a server answered. `attempt(session, write, path, text)` writes one file, and decides what a
    failure means.
    """
    plain = convert(cleaned(msgspec.to_builtins(summary)), Summary)
    for path, name in _ci_files(session):
        if name == "GITHUB_STEP_SUMMARY":
            attempt(session, append_output, path, markdown_of(plain))
    comment = session.settings.env.get(COMMENT_FILE)
    if comment:
        attempt(session, write_output, comment, comment_of(plain))


def _ci_files(session: Session) -> list[tuple[str, str]]:
    """The output and summary files of this CI step, as pairs of path and the name of the variable that has the path."""
    if session.ci.system not in {"github", "gitea", "forgejo"}:
        return []
    env = session.settings.env
    return [(env[name], name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY") if env.get(name)]


def _warned(session: Session, write: Write, path: str, text: str) -> None:
    try:
        write(session, path, text)
    except ReleaseError as error:
        session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))
