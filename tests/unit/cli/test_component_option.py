"""The option `--component`, as every command that has it reads it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from release.cli.main import shipmark
from release.cli.options import settings_from


def options(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Option]]:
    """Yield each command that has the option, by its name, and the option."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from options(command, f"{path}{name} ")
        elif command is not None:
            for one in command.params:
                if isinstance(one, click.Option) and one.name == "component":
                    yield f"{path}{name}", one


OPTIONS = dict(options(shipmark))


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_option_component_names_one_component_of_the_config(name: str) -> None:
    option = OPTIONS[name]
    context = click.Context(shipmark)
    value = option.process_value(context, ("web",) if option.multiple else "web")
    assert settings_from({"component": value, "env": {"A": "b"}}).component == "web"
    assert settings_from({"component": option.process_value(context, None)}).component is None


def test_commands_about_one_component_have_the_option() -> None:
    assert {"metadata", "promote"} <= OPTIONS.keys()
