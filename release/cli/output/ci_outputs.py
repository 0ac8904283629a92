"""Writes CI outputs, job summaries and result files.

In `publish` a failure to write a file is only a warning, since the release itself has ended by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ci.outputs import RESULT_LIMIT, Outputs, dotenv, outputs_text
from ci.summary import summary_markdown
from release.app.releases.results import ChangeResult, RunReport
from release.app.report import DecisionReport
from release.app.session import Session
from release.cli.output.files import append_output, require_outputs, write_output
from release.cli.output.foreign import clean, cleaned, json_text
from release.errors import ReleaseError
from release.events import Note
from release.plan.model import Bindings
from release.plan.operands import LOG_ENTRY, MoveTag, PutTag, SetTag, image_of
from release.runner import Outcome
from release.tagging.model import FixedTag


def require_publishable(session: Session, result_file: str | None) -> None:
    """Raise `RefusedError` if `publish` would write through a symlink; called before a command changes anything."""
    require_outputs(session, [result_file], [path for path, _ in _ci_files(session)])


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a job summary: a heading, a table, and notes below the table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def publish(
    session: Session,
    outputs: Outputs,
    result_file: str | None,
    *,
    summary: Summary | None = None,
    output_file: bool = True,
) -> None:
    """Write the result file and, on GitHub, Gitea and Forgejo, the output file and the job summary; no known secrets.

    `summary`: the content of the job summary, if there is one. `output_file`: whether to write GITHUB_OUTPUT, from
    which later steps of the job take their input. Texts may quote a server's answer, which may repeat a secret.
    """
    outputs = _without_secrets(outputs)
    if result_file is not None:
        limit = RESULT_LIMIT if session.ci.system == "gitlab" else None
        _warned(session, write_output, result_file, dotenv(outputs.values(), limit=limit))
    for path, name in _ci_files(session):
        if name == "GITHUB_OUTPUT" and output_file:
            _warned(session, append_output, path, outputs_text(outputs.values(), session.entropy.token()))
        elif summary is not None and name != "GITHUB_OUTPUT":
            _warned(session, append_output, path, _markdown(summary))


#: Outputs that are JSON documents.
_DOCUMENTS = ("components", "json")


def _without_secrets(outputs: Outputs) -> Outputs:
    texts = msgspec.structs.asdict(outputs)
    # The JSON is decoded first: in its text a secret may contain escapes, so that it would not be found.
    for name in _DOCUMENTS:
        texts[name] = json_text(json.loads(texts[name]), ascii_only=True) if texts[name] else ""
    return Outputs(**{name: text if name in _DOCUMENTS else cleaned(text) for name, text in texts.items()})


def _markdown(summary: Summary) -> str:
    return summary_markdown(
        clean(summary.title),
        summary.columns,
        [[clean(cell) for cell in row] for row in summary.rows],
        notes=[clean(note) for note in summary.notes],
    )


def _ci_files(session: Session) -> list[tuple[str, str]]:
    """The output and summary files of this CI step, as pairs of path and the name of the variable that has the path."""
    if session.ci.system not in {"github", "gitea", "forgejo"}:
        return []
    env = session.settings.env
    return [(env[name], name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY") if env.get(name)]


def _warned(session: Session, write: Callable[[Session, str, str], None], path: str, text: str) -> None:
    try:
        write(session, path, text)
    except ReleaseError as error:
        session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))


def outputs_of_decision(decision: DecisionReport) -> Outputs:
    """The outputs of `tags` and `version`, which push nothing: version, tags and references."""
    components = _text({decision.component: _of_component(decision, "")})
    return msgspec.structs.replace(_outputs(decision, _json(decision)), components=components)


def outputs_of_report(report: RunReport, bindings: Bindings | None = None) -> Outputs:
    """The outputs of `preview` and `run`: of the release if there is one, of several only `components` and `json`.

    `bindings`: the bindings of a run, for the digest and the log entry; None for a preview.
    """
    decisions = [one.decision for one in report.releases]
    digests = {
        one.component: (bindings.get(image_of(one.component)) if bindings else None) or ""
        for one in decisions
    }
    only = _only(report)
    outputs = Outputs(json=_json(report)) if only is None else _outputs(only, _json(report))
    outputs = msgspec.structs.replace(
        outputs,
        components=_text({one.component: _of_component(one, digests[one.component]) for one in decisions}),
        digest="" if only is None else digests[only.component],
    )
    if bindings is None or not report.releases:
        return outputs
    return msgspec.structs.replace(
        outputs, pushed=report.error is None, log_entry=bindings.get(LOG_ENTRY) or ""
    )


def _only(report: RunReport) -> DecisionReport | None:
    """The decision of the run's only component, or of the only one that the run's git tag releases; else None."""
    decisions = [one.decision for one in report.releases]
    names = {
        *(one.component for one in report.releases),
        *(one.component for one in report.unchanged),
        *(one.component for one in report.failed),
    }
    if len(names) > 1 and not (report.unchanged or report.failed):
        decisions = [one for one in decisions if one.tags]  # a git tag releases one of them
    elif len(names) > 1:
        decisions = []
    return decisions[0] if len(decisions) == 1 else None


def _of_component(decision: DecisionReport, digest: str) -> dict[str, Any]:
    """One member of the output `components`, with the names of the outputs."""
    own = _outputs(decision, "")
    return {
        "version": own.version,
        "channel": own.channel,
        "tags": own.tags,
        "tag-names": own.tag_names,
        "primary-tag": own.primary_tag,
        "digest": digest,
    }


def _outputs(decision: DecisionReport, document: str) -> Outputs:
    fixed = [tag.name for tag in decision.tags if isinstance(tag, FixedTag)]
    return Outputs(
        version=decision.version or "",
        channel=decision.channel,
        tags=decision.references,
        tag_names=tuple(tag.name for tag in decision.tags),
        primary_tag=fixed[0] if fixed else "",
        json=document,
    )


def _json(report: msgspec.Struct) -> str:
    return _text(msgspec.to_builtins(report))


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def summary_of(report: RunReport, outputs: Outputs) -> Summary:
    """The job summary of `preview` or `run`: a table of all tags."""
    rows: list[tuple[str, ...]] = []
    for release in report.releases:
        of_component = [
            (tag.name, "fixed" if isinstance(tag, FixedTag) else "moving", tag.reason)
            for tag in release.decision.tags
        ]
        of_component += [(one.name, "withheld", one.reason) for one in release.decision.withheld]
        rows += [(release.component, *row) for row in of_component]
    rows += [(one.component, one.tag, "unchanged", one.reason) for one in report.unchanged]
    columns: tuple[str, ...] = ("component", "tag", "kind", "reason")
    if len({row[0] for row in rows}) < 2:
        rows, columns = [row[1:] for row in rows], columns[1:]
    notes = [f"digest {outputs.digest}", f"log entry {outputs.log_entry}"]
    notes[:0] = [f"component {one.component}: {one.message}" for one in report.failed]
    if report.error is not None and not report.failed:
        notes.insert(0, report.error.message)
    title = f"shipmark {outputs.version or outputs.primary_tag or 'nothing to release'}"
    return Summary(title=title, columns=columns, rows=rows, notes=notes)


_HOLDS = frozenset({"made", "done"})


def change_outputs(session: Session, result: ChangeResult, document: str) -> Outputs:
    """The outputs of `promote`, `rollback` or `restore`. Output `tags`: every reference that holds the image now."""
    outcomes, changed = result.details.outcomes, result.changed
    recorded = any(one.step.kind == "record" and one.state in _HOLDS for one in outcomes)
    head = session.log.head
    references = tuple(reference for one in outcomes if (reference := held_reference(one)) is not None)
    return Outputs(
        version=changed.version,
        channel=changed.channel,
        tags=references,
        tag_names=tuple(dict.fromkeys(one.rpartition(":")[2] for one in references)),
        primary_tag=changed.primary_tag,
        digest=changed.digest,
        pushed=result.error is None and not any(one.state == "free" for one in outcomes),
        log_entry=f"{head.seq}:{head.hash}" if recorded and head.seq >= 0 else "",
        json=document,
    )


def held_reference(outcome: Outcome) -> str | None:
    """`repository:tag` of a step that put a tag, or found the tag on its image already; None for any other step."""
    operands = outcome.step.operands
    if outcome.state not in _HOLDS or not isinstance(operands, PutTag | MoveTag | SetTag):
        return None
    return f"{operands.target}:{tag_of(operands)}"


def tag_of(operands: PutTag | MoveTag | SetTag) -> str:
    """The name of the tag that a step puts, moves or sets."""
    return operands.tag.name if isinstance(operands, PutTag) else operands.tag


def change_summary(result: ChangeResult, outputs: Outputs) -> Summary:
    """The job summary of `promote`, `rollback` or `restore`: a table of all tags."""
    rows = [
        (f"{operands.target}:{tag_of(operands)}", outcome.state, outcome.reason)
        for outcome in result.details.outcomes
        if isinstance(operands := outcome.step.operands, PutTag | MoveTag | SetTag)
    ]
    changed = result.changed
    notes = [*changed.notes, f"digest {outputs.digest}", f"log entry {outputs.log_entry or 'none'}"]
    if result.error is not None:
        notes.insert(0, result.error.message)
    return Summary(title=changed.title, columns=("tag", "state", "reason"), rows=rows, notes=notes)
