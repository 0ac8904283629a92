"""`shipmark log`: the group; each subcommand is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

# Name -> (module of release.cli, attribute, one line for `--help`).
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "list": ("log_list", "list_", "List the releases, newest first."),
    "show": ("log_list", "show", "Show every entry of one release."),
    "find": ("log_questions", "find", "Find a digest: of an index, a platform's image, a tag."),
    "at": ("log_questions", "at", "What a tag held at a time."),
    "history": ("log_questions", "history", "What a tag held over time."),
    "diff": ("log_questions", "diff", "What lies between two releases: commits, inputs, platforms."),
    "verify": ("log_verify", "verify", "Check the chain; with --registry every recorded tag, too."),
    "recover": ("log_recover", "recover", "Settle attempts whose run is over."),
    "copy": ("log_moving", "copy", "Move a log between stores, bytes unchanged."),
    "migrate": ("log_moving", "migrate", "Make or change the tables of a SQL log."),
    "import": ("log_import", "import_", "Take what a run could not record when the log was down."),
    "export": ("log_export", "export", "Write the log as JSON, CSV, in-toto statements or one HTML page."),
}


class LogCommands(click.Group):
    """Finds subcommands by the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module behind `cmd_name`."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"release.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])


@click.group(cls=LogCommands)
def command() -> None:
    """The version log: what was planned, built, pushed, released and moved."""
