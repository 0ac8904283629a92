"""`shipmark config show`, `check` and `schema`: print, check and describe the configuration."""

from __future__ import annotations

import click
import msgspec

from release.app.setup.check_config import check_config
from release.cli.options import Command, global_options, image_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.secrets.redaction import HIDDEN


@click.group()
def command() -> None:
    """Show and check the configuration in force."""


@command.command(cls=Command)
@image_options
@global_options
@click.pass_context
def show(ctx: click.Context) -> None:
    """Print the configuration in force as JSON, with the file that it came from."""
    session = open_session(ctx)
    config = msgspec.to_builtins(msgspec.structs.replace(session.config, components=session.components))
    for section in config["log"]:
        # A text that is no URL, such as `host=db password=…`, has its password where `redact` does not look.
        if "://" not in section.get("url", "://"):
            section["url"] = HIDDEN
    document({"schema": "shipmark.config/1", **config})


@command.command(cls=Command)
@image_options
@global_options
@click.pass_context
def check(ctx: click.Context) -> None:
    """Read the configuration and its tag rules, and report the first error."""
    found = check_config(open_session(ctx))
    plural = "s" if found.components != 1 else ""
    data(f"{found.source or 'no file'}: {found.components} component{plural}, no error")


@command.command(cls=Command)
@global_options
def schema() -> None:
    """Print the JSON Schema of `shipmark.yml`, for editors."""
    from release.config.model import config_schema

    document(config_schema())
