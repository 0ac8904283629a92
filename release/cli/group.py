"""A click group that imports a command only when it is called, so that `--help` is fast."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from release.cli.option_rules import RuledGroup
from release.hints import nearest


class Row(NamedTuple):
    """One command: its module in `release.cli.commands`, its line for `--help`, and its name in the module."""

    module: str
    line: str
    attribute: str = "command"


class NoSuchCommand(click.UsageError):
    """Raised for an unknown command. `near`: a name much like it, or `""`."""

    def __init__(self, message: str, ctx: click.Context, *, near: str) -> None:
        super().__init__(message, ctx)
        self.near = near


class LazyGroup(RuledGroup):
    """A group of commands. `table`: maps each command's name to its `Row`, in the order of `--help`."""

    def __init__(self, *args: Any, table: Mapping[str, Row], **options: Any) -> None:
        super().__init__(*args, **options)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order of the table."""
        del ctx
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the command `cmd_name`, and return the command; None for an unknown name."""
        del ctx
        row = self._table.get(cmd_name)
        if row is None:
            return None
        command: click.Command = getattr(import_module(f"release.cli.commands.{row.module}"), row.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one help line for each command, from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.line) for name, row in self._table.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does. Raises `NoSuchCommand`, which knows the nearest name."""
        name = args[0] if args else ""
        if name and name not in self._table and not name.startswith("-"):
            near = nearest(name, self._table, cutoff=0.6)
            raise NoSuchCommand(f"no such command `{name}`", ctx, near=near or "")
        return super().resolve_command(ctx, args)
