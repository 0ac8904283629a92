"""Formats the reports of `prune` as lines for people. Pure."""

from __future__ import annotations

from release.app.retention.reports import (
    DeletedImage,
    ExplainReport,
    PruneReport,
    RepositoryReport,
    UndoReport,
)
from release.cli.output.columns import columns
from release.cli.output.sizes import size_text
from release.retention.ages import span_text

# Tags that one line shows; a digest can have hundreds.
_TAGS = 4
# Images that are shown of one repository without `-v`.
_ROWS = 40


def prune_lines(report: PruneReport, *, options: str = "", verbose: bool = False) -> list[str]:
    """The plan, or what was executed of it, as lines: a table for each repository, then sums and what to do next.

    Of several repositories, those in which nothing happens are only counted, unless `verbose`. `options`: with which
    the plan was made, each after a blank; executing it needs the same.
    """
    lines: list[str] = []
    several = report.totals.repositories > 1
    shown = [one for one in report.repositories if verbose or not several or _tells(one)]
    for one in shown:
        lines += [*_repository(one, applied=report.applied, verbose=verbose), ""]
    if several:
        lines += _totals(report, quiet=len(report.repositories) - len(shown))
    if not any(one.deleted or one.untagged or one.finishes for one in report.repositories):
        return [*lines, "nothing to delete"]
    later = (
        ", once the trash is emptied" if any(one.trash and one.deleted for one in report.repositories) else ""
    )
    freed = f"{size_text(report.frees)} can be freed by the registry's garbage collection{later}"
    lines.append(freed if report.frees else "no layer is freed: other images need them all")
    if report.applied:
        lines.append(f"run {report.run}")
        return lines
    lines.append(f"plan {report.plan}")
    if not any(one.refused for one in report.repositories):
        # A plan sends no request that writes, so it does not know whether the registry deletes anything.
        command = f"`shipmark prune{options} --apply {report.plan[:12]}`"
        lines.append(f"nothing was changed; {command} executes this plan, if the registry lets it delete")
    return lines


def _tells(one: RepositoryReport) -> bool:
    """Whether something happens in the repository, or should be known of it."""
    return bool(one.deleted or one.untagged or one.shared or one.refused or one.finishes or one.unknown_age)


def _totals(report: PruneReport, *, quiet: int) -> list[str]:
    totals = report.totals
    lines = [f"in {quiet} more repositories nothing goes"] if quiet else []
    unread = f", of which {totals.unread} could not be read" if totals.unread else ""
    verb = "approved for deletion" if report.applied else "would go"
    lines.append(
        f"{totals.repositories} repositories{unread}: {totals.images} images, {totals.deleted} {verb}, "
        f"{totals.kept} stay"
    )
    if totals.emptied:
        lines.append(f"{totals.emptied} images {'leave' if report.applied else 'would leave'} the trash")
    return lines


def _repository(one: RepositoryReport, *, applied: bool, verbose: bool) -> list[str]:
    if one.unread:
        return [f"{one.repository}: not read", *(f"  ! {text}" for text in one.refused)]
    count = one.images - one.kept
    verb = "approved for deletion" if applied else "would go"
    lines = [f"{one.repository}: {one.images} images, {count} {verb}, {one.kept} stay"]
    tops = [image for image in one.deleted if not image.because]
    shown = tops if verbose else tops[:_ROWS]
    parts: dict[str, int] = {}
    for image in one.deleted:
        if image.because:
            parts[image.because] = parts.get(image.because, 0) + 1
    lines += [f"  {row}" for row in columns([_row(image, parts) for image in shown])]
    if len(shown) < len(tops):
        lines.append(f"  and {len(tops) - len(shown)} more, which `-v` shows")
    lines += [f"  - {tag.tag}: only the tag, its digest stays: {tag.kept}" for tag in one.untagged]
    lines += [
        f"  = {tag.tag}: stays, the registry cannot delete a tag alone: {tag.kept}" for tag in one.shared
    ]
    if one.unknown_age:
        hint = "`retention: {age: created}` lets their creation time count"
        lines.append(f"  ? {one.unknown_age} stay although a rule matches: nobody knows their age; {hint}")
    if one.trash and one.deleted:
        lines.append(f"  > {'copied' if applied else 'would be copied'} to {one.trash} before")
    if one.finishes:
        lines.append(f"  = {one.finishes} manifests that an earlier prune deleted are recorded")
    return [*lines, *(f"  ! {text}" for text in one.refused)]


def _row(image: DeletedImage, parts: dict[str, int]) -> tuple[str, ...]:
    tags = ", ".join(image.tags[:_TAGS]) or "(untagged)"
    more = f" +{len(image.tags) - _TAGS}" if len(image.tags) > _TAGS else ""
    age = "" if image.age is None else span_text(image.age)
    frees = "" if image.frees is None else f"frees {size_text(image.frees)}"
    with_parts = f"+{parts[image.digest]} parts" if image.digest in parts else ""
    return (
        "-",
        f"{tags}{more}",
        image.digest[:19],
        age,
        size_text(image.size),
        frees,
        with_parts,
        image.rule,
    )


def explain_lines(report: ExplainReport) -> list[str]:
    """The explanation of a tag in each repository."""
    lines: list[str] = []
    for one in report.found:
        verdict = {"delete": "goes", "untag": "goes, and its digest stays", "keep": "stays"}[one.verdict]
        lines.append(f"{one.repository}:{one.tag} {verdict}")
        facts = [
            ("rule", one.rule or "none"),
            ("because", one.reason),
            ("digest", one.digest),
            ("then", one.fate),
        ]
        if one.shares:
            facts.append(("shared with", ", ".join(one.shares[:20])))
        facts.append(("to change it", one.change))
        lines += [f"  {row}" for row in columns([fact for fact in facts if fact[1]])]
    return lines


def undo_lines(report: UndoReport) -> list[str]:
    """What was put back, one reference a line."""
    lines = []
    for one in report.repositories:
        lines += [f"{one.repository}:{tag}" for tag in one.tags]
        lines.append(f"{one.repository}: {len(one.digests)} manifests are back")
    return lines
