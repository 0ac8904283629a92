"""`shipmark preview`: shows the plan that `run` would execute, with the present state of each step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from release.app.releases.connecting import connect_early
from release.app.session import Session
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.files import require_outputs, write_output
from release.cli.output.stdout import data, document, terminal_width
from release.cli.run_options import run_request, say_left_out, wish_options
from release.cli.session import open_session
from release.errors import ConfigError
from release.events import Note


@click.command(cls=Command)
@image_options
@global_options
@wish_options
@click.option(
    "--changed", is_flag=True, help="Only which components have to be built, with `--json` as a job matrix."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.preview/1`.")
@click.option("-o", "--output", metavar="FILE", help="Write the plan for `run --plan FILE`.")
@click.option("--offline", is_flag=True, help="Ask git and a local log only, no registry.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    changed: bool,
    as_json: bool,
    output: str | None,
    offline: bool,
    result_file: str | None,
    **wished: Any,
) -> int:
    """Show what `run` would do, and why; change nothing.

    Needs read rights only, and exits as `run` would. For a pull request from another repository it reads registries
    without any credential, withholds every tag, and checks whether the image can be built.
    """
    session = open_session(ctx)
    if changed:
        given = {"output": output, "offline": offline, "result_file": result_file, **wished}
        _require_alone(ctx, [name for name, value in given.items() if value not in (None, False, ())])
        return _changed(session, as_json=as_json)
    if not offline:
        connect_early(session)
    # Imported when the registry is being asked, and behind `--changed`, which needs none of it: a matrix is asked for
    # in front of every pipeline.
    from release.app.releases.results import plan_document
    from release.app.releases.run import preview
    from release.cli.output.ci_outputs import publish, require_publishable
    from release.cli.output.outputs import outputs_of_report
    from release.cli.output.summary import summary_of
    from release.cli.output.text import preview_lines

    require_publishable(session, result_file)
    require_outputs(session, [output])
    request = run_request(session, offline=offline, **wished)
    request.require_whole()
    if not session.trust.trusted:
        say_left_out(ctx, session, wished)
        _untrusted(session, output, result_file, offline=offline, as_json=as_json)
        return 0
    result = preview(session, request)
    if output is not None:
        text = json.dumps(plan_document(result.details.plan), indent=2, ensure_ascii=False)
        write_output(session, output, f"{text}\n")
    outputs = outputs_of_report(result.report)
    summary = summary_of(result.report, outputs, session.ci, result.details)
    publish(session, outputs, result_file, summary=summary)
    if as_json:
        document(msgspec.to_builtins(result.report))
    else:
        verbose = session.settings.verbosity > 0
        data(*preview_lines(result.details, result.inputs, verbose=verbose, width=terminal_width()))
    if result.error is not None:
        raise result.error
    return 0


def _untrusted(
    session: Session, output: str | None, result_file: str | None, *, offline: bool, as_json: bool
) -> None:
    from release.app.untrusted import preview_untrusted
    from release.cli.output.untrusted import tell_preview

    if output is not None:
        text = f"`{output}` is not written: a plan that an outsider may have shaped is not for a later run"
        session.sink.emit(Note(level="warning", text=text))
    decided = preview_untrusted(session, offline=offline)
    tell_preview(session, decided, result_file, as_json=as_json)


def _require_alone(ctx: click.Context, given: Sequence[str]) -> None:
    """Raise `ConfigError` if one of these parameters is given, since a job matrix has no use for them."""
    names = [one.opts[-1] for one in ctx.command.params if one.name in given]
    if not names:
        return
    hints = {
        "--output": "write the matrix to a file: `shipmark preview --changed --json > matrix.json`",
        "--result-file": "write the matrix to a file: `shipmark preview --changed --json > matrix.json`",
        "--offline": "which components changed depends on the images of their branch tags: leave out `--offline`",
    }
    hint = hints.get(names[0], f"leave out `{names[0]}`, or `--changed` for the preview of a release")
    raise ConfigError(f"`--changed` does not go with `{names[0]}`", hint=hint)


def _changed(session: Session, *, as_json: bool) -> int:
    from release.app.releases.matrix import MatrixRequest, changed_matrix

    report = changed_matrix(session, MatrixRequest())
    if as_json:
        document(msgspec.to_builtins(report))
        return 0
    from release.cli.output.columns import columns

    rows = [("+", one.component, ",".join(one.platforms), one.reason) for one in report.include]
    rows += [("=", one.component, one.digest or "", one.reason) for one in report.unchanged]
    data(*columns(rows))
    return 0
