"""What the CI outputs of a command say: version, tags, digest and the command's own document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ci.outputs import Outputs
from release.app.releases.results import RunReport
from release.app.report import DecisionReport
from release.app.session import Session
from release.log.anchor import anchor_text, newest
from release.plan.operands import LOG_ENTRY, MoveTag, PutTag, SetTag, image_of
from release.plan.outcome import Outcome, Report
from release.tagging.model import FixedTag

if TYPE_CHECKING:
    from release.app.lifecycle.results import ChangeResult
    from release.app.releases.build import BuildReport
    from release.app.versions.version import VersionReport


def outputs_of_build(report: BuildReport) -> Outputs:
    """The outputs of `build`, which pushes nothing: the version and the digest."""
    return Outputs(version=report.version or "", digest=report.digest, json=_json(report))


def outputs_of_version(decision: DecisionReport, version: VersionReport | None) -> Outputs:
    """The outputs of `version`: those of `tags`, with its own document in `json`, if the version is known."""
    return msgspec.structs.replace(
        outputs_of_decisions([decision]), json="" if version is None else _json(version)
    )


def outputs_of_next(version: VersionReport | None) -> Outputs:
    """The outputs of `version --next`: the version, its channel and its document; none if no version is due.

    Nothing is named after it yet, so there are neither tags nor a digest.
    """
    if version is None:
        return Outputs()
    return Outputs(version=version.version, channel=version.channel, json=_json(version))


def outputs_of_decisions(decisions: Sequence[DecisionReport]) -> Outputs:
    """The outputs of `tags`, which pushes nothing: of several components only `components` and `json`."""
    components = _text({one.component: _of_component(one, "") for one in decisions})
    if len(decisions) == 1:
        return msgspec.structs.replace(_outputs(decisions[0], _json(decisions[0])), components=components)
    return Outputs(components=components, json=_text(decisions_document(decisions)))


def decisions_document(decisions: Sequence[DecisionReport]) -> dict[str, Any]:
    """The document of the decisions for several components, in the given order."""
    return {"schema": "shipmark.decisions/1", "decisions": msgspec.to_builtins(decisions)}


def outputs_of_report(report: RunReport, details: Report | None = None, *, log_entry: str = "") -> Outputs:
    """The outputs of `preview` and `run`: of the release if there is one, of several only `components` and `json`.

    `details`: the runner's report of a run, whose outputs have the references that hold the image now; None for a
    preview, whose outputs have all references that are due. `log_entry`: the log's end after a run.
    """
    decisions = [one.decision for one in report.releases]
    held = None if details is None else frozenset(filter(None, map(held_reference, details.outcomes)))
    digests = {
        one.component: (details.bindings.get(image_of(one.component)) if details else None) or ""
        for one in decisions
    }
    only = _only(report)
    outputs = Outputs(json=_json(report)) if only is None else _outputs(only, _json(report), held)
    outputs = msgspec.structs.replace(
        outputs,
        components=_text(
            {one.component: _of_component(one, digests[one.component], held) for one in decisions}
        ),
        digest="" if only is None else digests[only.component],
    )
    if details is None or not report.releases:
        return outputs
    return msgspec.structs.replace(outputs, pushed=report.error is None, log_entry=log_entry)


def log_end(session: Session, details: Report) -> str:
    """The end of the version log as it was last read or written: `position:hash`; `""` for an empty log.

    The end of a failed attempt is recorded by a writer of its own, so it stands in `details` alone. The other entries
    may be newer than the one in `details`: a repeated run finds its entries in the middle of the log.
    """
    return newest(anchor_text(session.log.head), details.bindings.get(LOG_ENTRY) or "")


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


def _of_component(
    decision: DecisionReport, digest: str, held: frozenset[str] | None = None
) -> dict[str, Any]:
    """One member of the output `components`, with the names of the outputs."""
    own = _outputs(decision, "", held)
    return {
        "version": own.version,
        "channel": own.channel,
        "tags": own.tags,
        "tag-names": own.tag_names,
        "primary-tag": own.primary_tag,
        "digest": digest,
    }


def _outputs(decision: DecisionReport, document: str, held: frozenset[str] | None = None) -> Outputs:
    """The outputs about one release. `held`: the only references to name; None for all of the decision.

    A run leaves out what does not hold its image: an optional target that did not answer, a moving tag that another run
    moved meanwhile, everything after a failure.
    """
    references, names = decision.references, tuple(tag.name for tag in decision.tags)
    if held is not None:
        references = tuple(one for one in references if one in held)
        found = {one.rpartition(":")[2] for one in references}
        names = tuple(name for name in names if name in found)
    fixed = [tag.name for tag in decision.tags if isinstance(tag, FixedTag)]
    return Outputs(
        version=decision.version or "",
        channel=decision.channel,
        tags=references,
        tag_names=names,
        primary_tag=fixed[0] if fixed else "",
        json=document,
    )


def _json(report: msgspec.Struct) -> str:
    return _text(msgspec.to_builtins(report))


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


_HOLDS = frozenset({"made", "done"})


def change_outputs(session: Session, result: ChangeResult, document: str) -> Outputs:
    """The outputs of `promote`, `rollback` or `restore`. Output `tags`: every reference that holds the image now."""
    outcomes, changed = result.details.outcomes, result.changed
    previewed = any(one.state == "free" for one in outcomes)
    references = tuple(reference for one in outcomes if (reference := held_reference(one)) is not None)
    return Outputs(
        version=changed.version,
        channel=changed.channel,
        tags=references,
        tag_names=tuple(dict.fromkeys(one.rpartition(":")[2] for one in references)),
        primary_tag=changed.primary_tag,
        digest=changed.digest,
        pushed=result.error is None and not previewed,
        log_entry="" if previewed else log_end(session, result.details),
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
