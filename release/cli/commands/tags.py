"""`shipmark tags`: only the decision, from git and a local log, without a connection."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from release.app.releases.tags import TagsRequest, decide_locally, tags
from release.app.report import DecisionReport, decision_report
from release.app.session import Session
from release.cli.option_rules import one_form
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.stdout import data, document, talk
from release.cli.session import open_session
from release.errors import ConfigError


@click.command(cls=Command)
@image_options
@global_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "names", "json", "env"]),
    help="One reference a line; names without repository; the decision as JSON; KEY=VALUE lines.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@result_option
@click.pass_context
def command(ctx: click.Context, form: str | None, as_json: bool, result_file: str | None) -> None:
    """Print the image tags of this commit, one reference a line.

    Reads git and a local version log, and opens no connection, as `known_from` in the JSON shows; `preview` also
    reads the registries.
    """
    session = open_session(ctx)
    chosen = one_form(form, as_json=as_json, default="text")
    if session.settings.components:
        _several(session, chosen, result_file)
        return
    # Loading the library that hashes takes a tenth of the command's time, and the text forms print no label.
    labelled = chosen in ("json", "env") or takes_outputs(session, result_file)
    decision = decision_report(decide_locally(session, session.settings.component, labelled=labelled))
    publish_decisions(session, [decision], result_file)
    if chosen == "json":
        document(msgspec.to_builtins(decision))
    elif chosen == "env":
        data(*_env(decision))
    elif chosen == "names" or not decision.references:
        data(*(tag.name for tag in decision.tags))
    else:
        data(*decision.references)
    _warn(decision, "warning")


def _several(session: Session, form: str, result_file: str | None) -> None:
    """Print the decisions of several components, in the order of the config."""
    if form == "env" or result_file is not None:
        raise ConfigError(
            "KEY=VALUE lines can hold the tags of one component only",
            hint="give one `--component`, or `--json`",
        )
    decisions = [tags(session, TagsRequest(component=one.name)) for one in session.components_named(None)]
    publish_decisions(session, decisions, result_file)
    if form == "json":
        from release.cli.output.outputs import decisions_document

        document(decisions_document(decisions))
    for decision in decisions:
        names = [tag.name for tag in decision.tags]
        if form == "names":
            data(*(f"{decision.component} {name}" for name in names))
        elif form == "text":
            data(*(decision.references or names))
        _warn(decision, f"warning: {decision.component}")


def _warn(decision: DecisionReport, start: str) -> None:
    """Print the decision's warnings, and why no tag is due. `start`: of each line, before a colon."""
    if not decision.tags and decision.withheld:
        first = decision.withheld[0]
        talk(f"{start}: no tag is due: `{first.name}` is withheld: {first.reason}")
    for warning in decision.warnings:
        talk(f"{start}: {warning}")


def takes_outputs(session: Session, result_file: str | None) -> bool:
    """Whether outputs for later CI steps are requested, by `--result-file` or by GITHUB_OUTPUT."""
    return result_file is not None or bool(session.settings.env.get("GITHUB_OUTPUT"))


def publish_decisions(session: Session, decisions: Sequence[DecisionReport], result_file: str | None) -> None:
    """Write the decisions as outputs for later CI steps; do nothing if no outputs are requested."""
    if not takes_outputs(session, result_file):
        return  # saves importing the modules that write outputs
    from release.cli.output.ci_outputs import publish, require_publishable
    from release.cli.output.outputs import outputs_of_decisions

    require_publishable(session, result_file)
    publish(session, outputs_of_decisions(decisions), result_file)


def _env(decision: DecisionReport) -> list[str]:
    from ci.outputs import dotenv
    from release.cli.output.outputs import outputs_of_decisions

    return dotenv(outputs_of_decisions([decision]).values()).splitlines()
