"""Rules of a command line that click does not have: options that exclude each other, are given twice, or are empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from release.errors import ConfigError

Callback = Callable[[click.Context, click.Parameter, Any], Any]

#: Parameters for which an empty text means the same as no option, or has a meaning: `git -C ""` is the present folder,
#: texts are recorded if there are some, and `--rebuild ""` means what is checked out.
_MAY_BE_EMPTY = frozenset({"directory", "reason", "evidence", "rebuild"})


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


class Ruled(click.Command):
    """A command or a group of commands whose options obey the rules of this module.

    `takes_empty`: further parameters that may have an empty text.
    """

    def __init__(self, *args: Any, takes_empty: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self._takes_empty = _MAY_BE_EMPTY.union(takes_empty)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does. An error of the parser knows no command: it gets this one, which its hint names."""
        try:
            args_given = tuple(args)  # click's parser takes the words out of the list
            rest = super().parse_args(ctx, args)
            values, _, order = self.make_parser(ctx).parse_args(list(args_given))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        require_once(order)
        _require_one_side(order, args_given)
        _require_text([one for one in order if one.name not in self._takes_empty], values)
        return rest


def _require_text(order: Sequence[click.Parameter], values: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for an option with an empty value: it would count as not given, and nobody would notice.

    `values`: as click's parser gives them, a list for an option that may be given several times.
    """
    for one in order:
        value = values.get(one.name or "")
        if isinstance(one, click.Option) and (value == "" or (isinstance(value, list) and "" in value)):
            name = one.opts[-1]
            raise ConfigError(
                f"the value of `{name}` is empty",
                hint=f"leave `{name}` out, or give it a value: a variable that is not set may stand there",
            )


class RuledGroup(Ruled, click.Group):
    """A group of commands whose options obey the rules of this module."""


def require_behind(ctx: click.Context, own: Mapping[str, Any]) -> None:
    """Raise `UsageError` if one of these options of a group is given before a subcommand, which does not get it."""
    given = next((one for one in ctx.command.params if own.get(one.name or "")), None)
    if given is not None:
        raise click.UsageError(
            f"write `{given.opts[-1]}` behind `{ctx.invoked_subcommand}`, if it takes that", ctx
        )


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


def _require_one_side(order: Sequence[click.Parameter], args: Sequence[str]) -> None:
    """Raise `ConfigError` for `--name` beside `--no-name`: the last one would count, and nobody would notice.

    `order` tells an option of the command line from a word of `args` that is the value of another option.
    """
    for one in dict.fromkeys(order):
        if order.count(one) < 2 or not isinstance(one, click.Option) or not one.secondary_opts:
            continue
        both = [
            next((name for name in names if name in args), None) for names in (one.opts, one.secondary_opts)
        ]
        if None not in both:
            raise ConfigError(
                f"`{both[0]}` and `{both[1]}` exclude each other", hint="leave one of the two out"
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
