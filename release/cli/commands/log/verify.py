"""`shipmark log verify`: checks the log's hash chain; `--registry` compares recorded tags with the registries, too."""

from __future__ import annotations

import click
import msgspec

from release.app.log import verify as use_case
from release.app.log.verify_report import CopyReport, VerifyRequest
from release.cli.options import Command, global_options
from release.cli.output.columns import columns
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.events import Note
from release.log.torn import Torn


@click.command(cls=Command)
@global_options
@click.option(
    "--registry",
    is_flag=True,
    help="Compare every recorded tag, and the image's labels, with what its registry serves now.",
)
@click.option(
    "--blobs",
    is_flag=True,
    help="With `--registry`: also look for each blob, and put missing ones back from another place that has them.",
)
@click.option(
    "--anchor",
    metavar="N:HASH",
    help="A head that an earlier run printed as `log-entry`; else that of SHIPMARK_LOG_ANCHOR.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-verify/1`.")
@click.pass_context
def verify(ctx: click.Context, registry: bool, blobs: bool, anchor: str | None, as_json: bool) -> None:
    """Check every entry's hash and its link to the entry before, in every store of `log:`; with --registry, also tags.

    A log whose last entries were removed is still a whole chain: --anchor checks that the log has an entry that it had.
    """
    session = open_session(ctx)
    report = use_case.verify(session, VerifyRequest(registry=registry, blobs=blobs, anchor=anchor))
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        end = f", head {report.head}" if report.head else ""
        data(f"{report.log}: {report.entries} entries, the chain is whole{end}")
        if report.torn:
            data(*(_torn(one) for one in report.torn))
        data(*(line for one in report.copies for line in _copy(one)))
        if report.anchor:
            data(f"the log has entry {report.anchor}")
        if report.tags:
            rows = [(one.finding, f"{one.target}:{one.tag}", one.detail) for one in report.tags]
            data(*columns(rows))
    if any(one.finding == "unrecorded" for one in report.tags):
        text = "the registry has version tags that the log does not have: `shipmark log adopt` records them"
        session.sink.emit(Note(level="info", text=text))
    fault = use_case.fault(report)
    if fault is not None:
        raise fault


def _copy(one: CopyReport) -> list[str]:
    """The lines about a copy of the log."""
    if one.finding in ("corrupt", "unknown"):
        return [f"copy {one.log}: {one.detail}"]
    end = f", head {one.head}" if one.head else ""
    said = "the same as the log" if one.finding == "same" else one.detail
    return [f"copy {one.log}: {one.entries} entries, {said}{end}", *(_torn(torn) for torn in one.torn)]


def _torn(one: Torn) -> str:
    where = (
        f"put aside in {one.copy}"
        if one.copy
        else "at the log's end, or being written; the next run puts it aside"
    )
    return f"torn append: {one.size} bytes from byte {one.offset} on, {where}"
