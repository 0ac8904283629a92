"""`shipmark tags`: only the decision, from git and a local log, without a connection."""

from __future__ import annotations

import click
import msgspec

from release.app.releases.tags import TagsRequest, decide_locally, tags
from release.app.report import DecisionReport, decision_report
from release.app.session import Session
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
    default="text",
    help="One reference a line; names without repository; the decision as JSON; KEY=VALUE lines.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@result_option
@click.pass_context
def command(ctx: click.Context, form: str, as_json: bool, result_file: str | None) -> None:
    """Print the image tags of this commit, one reference a line.

    Reads git and a local version log, and opens no connection, as `known_from` in the JSON shows; `preview` also
    reads the registries.
    """
    session = open_session(ctx)
    if session.settings.components:
        _several(session, "json" if as_json else form, result_file)
        return
    # Loading the library that hashes takes a tenth of the command's time, and the text forms print no label.
    labelled = as_json or form in ("json", "env") or takes_outputs(session, result_file)
    decision = decision_report(decide_locally(session, session.settings.component, labelled=labelled))
    publish_decision(session, decision, result_file)
    if form == "json" or as_json:
        document(msgspec.to_builtins(decision))
    elif form == "env":
        data(*_env(decision))
    elif form == "names" or not decision.references:
        data(*(tag.name for tag in decision.tags))
    else:
        data(*decision.references)
    if not decision.tags and decision.withheld and session.settings.verbosity >= 0:
        first = decision.withheld[0]
        talk(f"warning: no tag is due: `{first.name}` is withheld: {first.reason}")
    if session.settings.verbosity >= 0:
        for warning in decision.warnings:
            talk(f"warning: {warning}")


def _several(session: Session, form: str, result_file: str | None) -> None:
    """Print the decisions of several components, in the order of the config."""
    if form == "env" or takes_outputs(session, result_file):
        raise ConfigError(
            "KEY=VALUE lines and outputs can hold the tags of one component only",
            hint="give one `--component`, or `--json`",
        )
    chosen = session.components_named(None)
    decisions = [tags(session, TagsRequest(component=one.name)) for one in chosen]
    if form == "json":
        document({"schema": "shipmark.decisions/1", "decisions": msgspec.to_builtins(decisions)})
    for decision in decisions:
        names = [tag.name for tag in decision.tags]
        if form == "names":
            data(*(f"{decision.component} {name}" for name in names))
        elif form == "text":
            data(*(decision.references or names))
        if session.settings.verbosity >= 0:
            for warning in decision.warnings:
                talk(f"warning: {decision.component}: {warning}")


def takes_outputs(session: Session, result_file: str | None) -> bool:
    """Whether outputs for later CI steps are requested, by `--result-file` or by GITHUB_OUTPUT."""
    return result_file is not None or bool(session.settings.env.get("GITHUB_OUTPUT"))


def publish_decision(session: Session, decision: DecisionReport, result_file: str | None) -> None:
    """Write the decision as outputs for later CI steps; do nothing if no outputs are requested."""
    if not takes_outputs(session, result_file):
        return  # saves importing the modules that write outputs
    from release.cli.output.ci_outputs import outputs_of_decision, publish, require_publishable

    require_publishable(session, result_file)
    publish(session, outputs_of_decision(decision), result_file)


def _env(decision: DecisionReport) -> list[str]:
    from ci.outputs import dotenv
    from release.cli.output.ci_outputs import outputs_of_decision

    return dotenv(outputs_of_decision(decision).values()).splitlines()
