"""`shipmark preview`: the plan that `run` would execute, and how the world stands to it."""

from __future__ import annotations

import json
from typing import Any

import click

from release.app.releases.builds import Builds
from release.app.releases.execute import survey
from release.app.releases.release import make_plan, refusal, wishes_from, with_withheld
from release.app.releases.release_sources import at_own_targets
from release.cli.options import (
    Command,
    global_options,
    image_options,
    result_option,
    wish_options,
)
from release.cli.output.ci_outputs import outputs_of_report, publish, require_publishable, summary_of
from release.cli.output.documents import plan_document, report_document
from release.cli.output.files import require_outputs, write_output
from release.cli.output.stdout import data, document
from release.cli.output.text import preview_lines
from release.cli.session import open_session
from release.events import Note


@click.command(cls=Command)
@image_options
@global_options
@wish_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.preview/1`.")
@click.option("-o", "--output", metavar="FILE", help="Write the plan for `run --plan FILE`.")
@click.option("--offline", is_flag=True, help="Ask git and a local log only, no registry.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    as_json: bool,
    output: str | None,
    offline: bool,
    result_file: str | None,
    **wished: Any,
) -> int:
    """Show what `run` would do, and why; change nothing.

    Needs read rights only, and exits as `run` would. For a request of another repository it asks registries without
    any credential, withholds every tag, and checks the build.
    """
    session = open_session(ctx)
    require_publishable(session, result_file)
    require_outputs(session, [output])
    wishes = wishes_from(offline=offline, **wished)
    if not session.trust.trusted:
        from release.cli.untrusted import preview

        if output is not None:
            text = (
                f"`{output}` is not written: a plan that an outsider may have shaped is not for a later run"
            )
            session.sink.emit(Note(level="warning", text=text))
        return preview(session, offline=offline, as_json=as_json, result_file=result_file)
    with Builds() as builds:
        subjects, plan = make_plan(session, wishes, builds)
        report = survey(session, plan, at_own_targets(session), builds=builds, connected=not offline)
    report = with_withheld(report, refusal(session) or report.error)
    if output is not None:
        write_output(session, output, json.dumps(plan_document(plan), indent=2, ensure_ascii=False) + "\n")
    outputs = outputs_of_report(report, "shipmark.preview/1", pushed=False)
    publish(session, outputs, result_file, summary=summary_of(report, outputs))
    if as_json:
        document(report_document("shipmark.preview/1", report))
    else:
        data(*preview_lines(report, subjects, verbose=session.settings.verbosity > 0))
    if report.error is not None:
        raise report.error
    return 0
