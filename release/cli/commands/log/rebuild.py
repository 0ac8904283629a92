"""`shipmark log rebuild`: rebuilds a lost version log from what registries and git show."""

from __future__ import annotations

import click
import msgspec

from release.app.log import rebuild as use_case
from release.app.log.rebuild import RebuildReport, RebuildRequest
from release.cli.options import Command, global_options, image_options, vouching_options
from release.cli.output.columns import columns
from release.cli.output.stdout import data, document
from release.cli.session import open_session


@click.command(cls=Command)
@image_options
@global_options
@click.option("--preview", is_flag=True, help="Only show what would be recorded.")
@vouching_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-rebuild/1`.")
@click.pass_context
def rebuild(ctx: click.Context, preview: bool, as_json: bool, as_commit: bool, reason: str | None) -> None:
    """Rebuild a lost log from the tags, labels, statements and statuses in the registries, and from git.

    Every entry is marked as rebuilt, with its evidence. What cannot be found out is listed. A log that has entries is
    refused: `shipmark log adopt` records version tags that a log lacks.
    """
    report = use_case.rebuild(
        open_session(ctx), RebuildRequest(preview=preview, as_commit=as_commit, reason=reason)
    )
    if as_json:
        document(msgspec.to_builtins(report))
        return
    rows = [("release", one.release, one.digest, one.evidence) for one in report.releases]
    rows += [(one.status, one.version, one.source, one.reason) for one in report.statuses]
    rows += [("left out", f"{one.target}:{one.tag}", one.digest, one.reason) for one in report.left_out]
    if report.without_image:
        names = ", ".join(report.without_image[:20])
        more = f" and {len(report.without_image) - 20} more" if len(report.without_image) > 20 else ""
        rows.append(("no image", f"{len(report.without_image)} git tags", f"{names}{more}", ""))
    data(*columns(rows), *(f"not known  {one}" for one in report.untold), _total(report, preview=preview))


def _total(report: RebuildReport, *, preview: bool) -> str:
    found = f"{len(report.releases)} releases, {len(report.statuses)} statuses of versions"
    if preview:
        return f"would be recorded in {report.log}: {found}"
    return f"recorded in {report.log}: {found}, {report.entries} entries"
