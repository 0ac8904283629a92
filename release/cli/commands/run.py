"""`shipmark run`: make the plan and carry it out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
import msgspec

from release.app.releases.connecting import connect_early
from release.app.session import Session
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.stdout import data, document
from release.cli.run_options import wish_options
from release.cli.session import open_session
from release.errors import ConfigError
from release.events import Note
from release.filesystem.files import read_file
from release.limits import PLAN_BYTES

if TYPE_CHECKING:
    from release.plan.outcome import Report


@click.command(cls=Command)
@image_options
@global_options
@wish_options
@click.option(
    "--plan", "plan_file", metavar="FILE", help="Run only if nothing changed since this plan (`preview -o`)."
)
@click.option(
    "--wait", is_flag=True, help="First wait for runs that are at work on the same images, by the log."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.run/1`.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plan_file: str | None,
    wait: bool,
    as_json: bool,
    result_file: str | None,
    **wished: Any,
) -> int:
    """Release: build, push, tag, record. If a run is killed, the next run finishes its release.

    Pushes content by digest first, then fixed tags everywhere, then moving tags. Steps that are done already are
    skipped, so `run` can always be repeated. For a pull request from another repository nothing is released.
    """
    session = open_session(ctx)
    began = session.clock.monotonic()
    if not wait:
        connect_early(session)
    # Imported when the registry is being asked.
    from release.app.releases.run import run
    from release.cli.output.ci_outputs import publish, require_publishable
    from release.cli.output.outputs import log_end, outputs_of_report
    from release.cli.output.progress import shows_bars
    from release.cli.output.summary import summary_of
    from release.cli.output.text import run_lines
    from release.cli.run_options import run_request

    require_publishable(session, result_file)
    request = run_request(session, wait=wait, plan_name=plan_file or "", **wished)
    request.require_whole()
    if not session.trust.trusted:
        from release.app.untrusted import run_untrusted
        from release.cli.output.untrusted import tell_run

        tell_run(session, run_untrusted(session), result_file, as_json=as_json)
        return 0
    if plan_file is not None:
        request = msgspec.structs.replace(request, plan=_read(session.directory, plan_file))
    result = run(session, request)
    _say(session, result.details)
    if result.error is None and result.details.acted and shows_bars(session.settings.env, session.ci.system):
        took = session.clock.monotonic() - began
        session.sink.emit(Note(level="info", text=f"released in {took:.1f} s"))
    end = log_end(session, result.details)
    outputs = outputs_of_report(result.report, result.details, log_entry=end)
    summary = summary_of(result.report, outputs, session.ci, result.details)
    publish(session, outputs, result_file, summary=summary)
    if as_json:
        document(msgspec.to_builtins(result.report))
    elif lines := run_lines(result.details):
        data(*lines)
    if result.error is not None:
        raise result.error
    return 0


def _say(session: Session, report: Report) -> None:
    """Print notes on tags that the decision withholds, on a run without changes, and on incomplete targets."""
    from release.cli.output.text import lacking, summary_line, unattested, withheld_lines

    notes = withheld_lines(report)
    if report.error is None and not report.acted:
        notes.append("nothing to release" if not report.outcomes else summary_line(report.outcomes))
    for text in notes:
        session.sink.emit(Note(level="info", text=text))
    for target, reason in lacking(report).items():
        text = f"`{target}` lacks this release, and is not required: {reason}"
        session.sink.emit(Note(level="warning", text=text, hint="run again when it answers"))
    for target, reason in unattested(report).items():
        text = f"`{target}` has this release without its statement: {reason}"
        session.sink.emit(
            Note(level="warning", text=text, hint="the next run attaches it; `attest: never` does without")
        )


def _read(directory: str, path: str) -> bytes:
    try:
        raw = read_file(os.path.join(directory, path), limit=PLAN_BYTES)
    except OSError as error:
        raise ConfigError(
            f"plan `{path}` cannot be read: {error.strerror}", hint="check its rights"
        ) from error
    if raw is None:
        raise ConfigError(f"there is no plan `{path}`", hint="write it with `preview -o`")
    return raw
