"""`shipmark tags`: only the decision, from git and a local log, without a connection."""

from __future__ import annotations

import click

from release.app.releases.decide import decide_component
from release.app.releases.known import known_locally
from release.app.releases.request import RunRequest
from release.app.session import Session, policy_of
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.stdout import data, document, talk
from release.cli.session import open_session
from release.errors import ConfigError
from release.tagging.model import Decision


def decisions(session: Session) -> tuple[Decision, ...]:
    """One decision a component, offline."""
    made = []
    for component in session.components:
        policy = policy_of(component)
        facts = session.facts(policy)
        known = known_locally(session, component, policy)
        made.append(
            decide_component(session, component, facts, policy, known, None, RunRequest(offline=True))
        )
    return tuple(made)


def one_decision(session: Session) -> Decision:
    """The only decision; several components need `--component`."""
    made = decisions(session)
    if len(made) > 1:
        names = ", ".join(decision.component for decision in made)
        raise ConfigError(f"there are several components: {names}", hint="choose one with `--component NAME`")
    return made[0]


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

    Asks git and a local version log, and opens no connection: `known_from` in the JSON says so, and `preview`
    asks the registries too.
    """
    session = open_session(ctx)
    decision = one_decision(session)
    tell_ci(session, decision, result_file)
    if form == "json" or as_json:
        from release.cli.output.documents import decision_document

        document(decision_document(decision))
    elif form == "env":
        data(*_env(decision))
    elif form == "names" or not decision.references:
        data(*(tag.name for tag in decision.tags))
    else:
        data(*decision.references)
    if session.settings.verbosity >= 0:
        for warning in decision.warnings:
            talk(f"warning: {warning}")


def tell_ci(session: Session, decision: Decision, result_file: str | None) -> None:
    """Give later CI steps the decision, where they can be told."""
    if result_file is None and not session.settings.env.get("GITHUB_OUTPUT"):
        return
    from release.cli.output.ci_outputs import outputs_of_decision, publish, require_publishable

    require_publishable(session, result_file)
    publish(session, outputs_of_decision(decision), result_file)


def _env(decision: Decision) -> list[str]:
    from ci.outputs import dotenv
    from release.cli.output.ci_outputs import outputs_of_decision

    return dotenv(outputs_of_decision(decision).values()).splitlines()
