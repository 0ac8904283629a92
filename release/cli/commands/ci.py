"""`shipmark ci`: shows which CI system was detected, and what its variables say of the run."""

from __future__ import annotations

import click
import msgspec

from ci.speech import voice
from release.app.settings import Settings
from release.cli.options import Command, global_options, settings_of
from release.cli.output.columns import columns
from release.cli.output.foreign import clean
from release.cli.output.stdout import data, document, speak
from release.cli.session import open_session


@click.command(cls=Command)
@global_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.ci/1`.")
@click.argument("adapter", required=False, metavar="")
@click.pass_context
def command(ctx: click.Context, as_json: bool, adapter: str | None) -> int:
    """Show which CI system was detected, the facts of the run with their variables, the trust, and the scope."""
    if adapter not in (None, "github-action", "github-metadata"):
        raise click.UsageError(f"Got unexpected extra argument ({adapter})", ctx)
    if adapter is not None:
        # An internal command: the actions of this repository call it, with their inputs in an environment variable.
        return _adapt(adapter, settings_of(ctx))
    session = open_session(ctx)
    context = session.ci
    if as_json:
        trust = msgspec.to_builtins(session.trust)
        may = {"may": session.scope.may, "reason": session.scope.reason}
        document({"schema": "shipmark.ci/1", **msgspec.to_builtins(context), "trust": trust, "scope": may})
        return 0
    rows = [(one.field, one.value, f"from {one.variable}") for one in context.concluded]
    data(*(columns(rows) or ["system  none"]))
    data(f"trust: {session.trust.verdict}, because {session.trust.reason}")
    data(f"scope: {session.scope.may}, because {session.scope.reason}")
    for warning in context.warnings:
        data(f"warning: {warning}")
    return 0


def _adapt(adapter: str, settings: Settings) -> int:
    """Run the command that the inputs of a GitHub action ask for."""
    from release.cli.action import command_line, metadata
    from release.cli.action import settings as described
    from release.cli.action.inputs import VARIABLE, read_inputs, truth
    from release.cli.main import run

    inputs = read_inputs(settings.env)
    env = {name: value for name, value in settings.env.items() if name != VARIABLE}
    if adapter == "github-metadata":
        speaks = voice("github")
        for text in metadata.warnings(inputs):
            speak(speaks.annotation("warning", clean(text)))
        return run(metadata.arguments(inputs), given={"env": env})
    inputs = {name: text for name, text in inputs.items() if text.strip()}
    argv = command_line.arguments(inputs)
    truth("cache", inputs.get("cache", "true"))  # steps of the action read it, which cannot refuse a word
    if not truth("summary", inputs.get("summary", "true")):
        env.pop("GITHUB_STEP_SUMMARY", None)
    overlay, secrets = described.settings_of(inputs)
    return run(argv, given={"env": {**env, **secrets}, "overlay": overlay})
