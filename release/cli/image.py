"""`shipmark image`: registries and OCI layouts, without a daemon."""

from __future__ import annotations

from importlib import import_module

import click

# Name -> (module of release.cli, one line for `--help`). Modules are imported when their command is called.
_COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("image_list", "List the tags of a repository, versions first."),
    "inspect": ("image_inspect", "Show platforms, sizes, labels, layers and base of an image."),
    "digest": ("image_digest", "Print the digest of an image."),
    "copy": ("image_copy", "Copy an image between registries and layouts; its digest stays."),
    "tag": ("image_tag", "Give an image further tags in its repository; its digest stays."),
    "delete": ("image_delete", "Delete one tag and only that tag, or a digest with all its tags."),
    "login-check": ("image_login", "Say which credential is used, from where, and whether it may push."),
}


class _ImageCommands(click.Group):
    """Finds commands by the table, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module behind `cmd_name`."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = import_module(f"release.cli.{_COMMANDS[cmd_name][0]}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(cls=_ImageCommands)
def command() -> None:
    """Read and change registries and OCI layouts, without a daemon.

    An image is `[docker://]REPOSITORY[:TAG][@DIGEST]` or `oci:FOLDER[:TAG]`.
    """
