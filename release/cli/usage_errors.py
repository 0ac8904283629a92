"""Says what is wrong with a command line, and what to write instead. Pure: click's error in, two sentences out."""

from __future__ import annotations

import click
from click.core import ParameterSource

from release.cli.group import NoSuchCommand
from release.hints import did_you_mean
from release.lazy_pattern import pattern

_QUOTED = pattern(r"'([^'`]*)'")


def told(error: click.ClickException) -> tuple[str, str]:
    """The message and the hint for an error of the command line, in the form of all other messages."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    command = ctx.command_path if ctx is not None else "shipmark"
    more = f"`{command} --help` lists what there is"
    if isinstance(error, click.MissingParameter) and error.param is not None and ctx is not None:
        return _missing(error.param, ctx)
    if isinstance(error, NoSuchCommand):
        return error.message, f"did you mean `{error.near}`?" if error.near else more
    if isinstance(error, click.NoSuchOption):
        near = " or ".join(f"`{one}`" for one in sorted(error.possibilities or ()))
        return f"`{command}` has no option `{error.option_name}`", f"did you mean {near}?" if near else more
    if isinstance(error, click.BadParameter) and ctx is not None and _is_of_variable(error, ctx):
        error.param_hint = f"'{error.param.envvar}'" if error.param is not None else None
    text = _sentence(error.format_message()).replace("a valid integer range", "a whole number")
    return text, _nearest(text) or more


def _is_of_variable(error: click.BadParameter, ctx: click.Context) -> bool:
    """Whether the value stands in an environment variable: then no option is to be corrected."""
    name = error.param.name if error.param is not None else None
    return name is not None and ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT


def _nearest(text: str) -> str:
    """A hint with the allowed value that is most like the given one; empty where the values are not listed."""
    given, separator, allowed = text.partition(" is not one of ")
    if not separator:
        return ""
    names = [name.strip("`") for name in allowed.split(", ")]
    return did_you_mean(given.rpartition("`: `")[2].strip("`"), names, "write one of these values")


def _missing(param: click.Parameter, ctx: click.Context) -> tuple[str, str]:
    """What a command needs and was not given, and how it is written."""
    if not isinstance(param, click.Option):
        usage = " ".join(piece for piece in ctx.command.collect_usage_pieces(ctx) if piece != "[OPTIONS]")
        return (
            f"`{ctx.command_path}` needs {param.human_readable_name}",
            f"write `{ctx.command_path} {usage}`",
        )
    shown = _written(param)
    help_line = (param.help or "").rstrip(".")
    hint = f"add `{shown}`: {help_line[:1].lower()}{help_line[1:]}" if help_line else f"add `{shown}`"
    return f"`{ctx.command_path}` needs `{param.opts[-1]}`", hint


def _written(option: click.Option) -> str:
    value = option.metavar or option.type.name.upper()
    if isinstance(option.type, click.Choice):
        value = "|".join(str(one) for one in option.type.choices)
    return f"{option.opts[-1]} {value}"


def _sentence(text: str) -> str:
    """A message of click as ours are written: a small letter first, names in backticks, no full stop."""
    text = _QUOTED.sub(r"`\1`", text).removesuffix(".")
    return text[:1].lower() + text[1:]
