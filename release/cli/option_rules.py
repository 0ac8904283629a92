"""Rules of a command line that click does not have: options that exclude each other, and options given twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from release.errors import ConfigError

Callback = Callable[[click.Context, click.Parameter, Any], Any]


def beside(*others: str) -> Callback:
    """A callback for an option that may not be given beside `others`, which are names of parameters.

    Click handles options in the order of the command line, so each of the options needs it: the second one refuses.
    """

    def refuse(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value:
            given = next(
                (one for one in ctx.command.params if one.name in others and ctx.params.get(one.name)), None
            )
            if given is not None:
                raise ConfigError(
                    f"`{given.opts[-1]}` and `{param.opts[-1]}` exclude each other",
                    hint="leave one of the two out",
                )
        return value

    return refuse


def require_once(order: Sequence[click.Parameter]) -> None:
    """Raise `ConfigError` for an option that takes one value and is given several times: one would be lost in silence.

    `order`: the parameters in the order of the command line, as click's parser gives them.
    """
    once = [
        one
        for one in order
        if isinstance(one, click.Option) and not (one.multiple or one.is_flag or one.count)
    ]
    twice = next((one for at, one in enumerate(once) if one in once[:at]), None)
    if twice is not None:
        name = twice.opts[-1]
        raise ConfigError(
            f"`{name}` is given more than once", hint=f"it takes one value: write `{name}` once"
        )


def one_form(form: str | None, *, as_json: bool, default: str, template: str | None = None) -> str:
    """The form of the output that `--format`, `--json` or `--template` chooses. Only one of them may be given."""
    given = [f"--format {form}"] if form is not None and not (as_json and form == "json") else []
    given += ["--json"] if as_json else []
    given += ["--template"] if template is not None else []
    if len(given) > 1:
        raise ConfigError(
            f"`{given[0]}` and `{given[1]}` each choose the form of the output",
            hint="leave one of the two out",
        )
    return "json" if as_json else form or default
