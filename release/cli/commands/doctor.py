"""`shipmark doctor`: prints what could go wrong with a release here, and how to mend it."""

from __future__ import annotations

import click
import msgspec

from ci.outputs import Outputs
from ci.summary import Summary, Table
from release.app.setup.doctor.checks.table import CHECKS
from release.app.setup.doctor.doctor import DoctorRequest, doctor
from release.app.setup.doctor.report import DoctorReport
from release.cli.action import command_line, metadata
from release.cli.options import Command, global_options
from release.cli.output.ci_outputs import publish
from release.cli.output.findings import finding_lines
from release.cli.output.stdout import data, document, terminal_width
from release.cli.session import open_session

_LIST = "\n".join(f"  {check.name:13}{check.about}" for check in CHECKS)
#: The inputs of the actions of this version, by their folder.
_ACTIONS = {"": command_line.KNOWN, "ci/github/metadata": metadata.KNOWN}


@click.command(cls=Command, epilog=f"\b\nChecks:\n{_LIST}")
@global_options
@click.option("--offline", is_flag=True, help="Open no connection: no registry, remote, daemon or git log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.doctor/1`.")
@click.pass_context
def command(ctx: click.Context, offline: bool, as_json: bool) -> int:
    """Check this repository, its CI files, its registries and this machine; print the fix for what is wrong.

    Changes nothing: the right to push is found out by an upload that is cancelled, the right to delete with a digest
    that does not exist. Exits 0 without a problem, else with the code that a release would end with for the first one.
    """
    session = open_session(ctx)
    report = doctor(session, DoctorRequest(offline=offline, action_inputs=_ACTIONS))
    if as_json:
        document(msgspec.to_builtins(report))
    else:
        data(*finding_lines(report, width=terminal_width()))
    # GITHUB_OUTPUT is left alone: later steps take the outputs of a release from it.
    publish(session, Outputs(), None, summary=_summary(report), output_file=False)
    return report.exit_code


def _summary(report: DoctorReport) -> Summary:
    rows = [
        (one.state, one.check, f"{f'{one.place}: ' if one.place else ''}{one.seen}", one.fix or "")
        for one in report.findings
    ]
    title = "shipmark doctor: " + (f"{report.problems} to mend" if report.problems else "no problem")
    return Summary(title=title, tables=(Table(columns=("state", "check", "seen", "fix"), rows=rows),))
