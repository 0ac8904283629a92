"""Makes the job summary of `prune`: the state, what goes from each repository, what that frees, why the rest stays."""

from __future__ import annotations

from collections import Counter

from ci.context import CiContext
from ci.summary import Summary, Table
from release.app.retention.reports import PruneReport, PruneResult
from release.cli.output.sizes import size_text
from release.cli.output.summary import links_of
from release.errors import ReleaseError

# Images in the table of what goes; a first prune deletes thousands, and the artifact of `-o` names them all.
_IMAGES = 200
# Tags of one image that are shown.
_TAGS = 6
_PARTLY = 7


def prune_summary(result: PruneResult, ci: CiContext) -> Summary:
    """The summary of a plan, or of what was executed of it."""
    report: PruneReport = result.report
    error: ReleaseError | None = result.error
    several = len(report.repositories) > 1
    return Summary(
        title=_title(report),
        problem="" if error is None else error.message,
        hint="" if error is None else error.hint or "",
        tables=(_repositories(report), _images(report, several=several), _stays(report)),
        links=links_of(ci),
        notes=_notes(report),
    )


def _title(report: PruneReport) -> str:
    totals = report.totals
    if report.exit_code:
        state = "Partly pruned, run again" if report.exit_code == _PARTLY else "Prune refused"
        state = state if report.applied or report.exit_code == 6 else "Prune failed"
    elif report.applied:
        state = "Pruned"
    else:
        state = "Prune previewed" if totals.deleted or totals.emptied else "Nothing to prune"
    count = f"{totals.repositories} repositories" if totals.repositories > 1 else _only(report)
    return f"{state}: {totals.deleted} of {totals.images} images in {count}"


def _only(report: PruneReport) -> str:
    return report.repositories[0].repository if report.repositories else "no repository"


def _repositories(report: PruneReport) -> Table:
    verb = "gone" if report.applied and not report.exit_code else "goes"
    rows = [
        (
            one.repository,
            str(one.images),
            str(one.images - one.kept),
            str(one.kept),
            size_text(one.frees) if one.frees else "",
            "; ".join(one.refused),
        )
        for one in report.repositories
    ]
    return Table(columns=("repository", "images", verb, "stay", "can be freed", "refused"), rows=rows)


def _images(report: PruneReport, *, several: bool) -> Table:
    rows: list[tuple[str, ...]] = []
    for one in report.repositories:
        place = (one.repository,) if several else ()
        for image in one.deleted:
            if not image.because and len(rows) < _IMAGES:
                more = f" +{len(image.tags) - _TAGS}" if len(image.tags) > _TAGS else ""
                tags = f"{', '.join(image.tags[:_TAGS]) or '(untagged)'}{more}"
                rows.append((*place, tags, image.digest[:19], size_text(image.size), image.rule))
        rows += [(*place, tag.tag, "stays: only the tag goes", "", tag.rule) for tag in one.untagged]
    place = ("repository",) if several else ()
    return Table(title="What goes", columns=(*place, "tags", "digest", "size", "rule"), rows=rows)


def _stays(report: PruneReport) -> Table:
    counted: Counter[str] = Counter()
    for one in report.repositories:
        counted.update(one.stays)
    rows = [(str(count), reason) for reason, count in counted.most_common()]
    return Table(title="What stays", columns=("tags", "because of"), rows=rows)


def _notes(report: PruneReport) -> list[str]:
    notes = []
    hidden = report.totals.deleted - _IMAGES
    if hidden > 0:
        notes.append(f"{hidden} more images are in the report of --json")
    if report.frees:
        size = size_text(report.frees)
        notes.append(f"{size} can be freed by the registry's garbage collection")
    unknown = sum(one.unknown_age for one in report.repositories)
    if unknown:
        notes.append(f"{unknown} images stay although a rule matches: nobody knows their age")
    if report.applied:
        notes.append(f"Run {report.run}: shipmark prune undo {report.run[:12]} puts back what it deleted")
    elif report.totals.deleted:
        notes.append(f"Plan {report.plan}")
    return notes
