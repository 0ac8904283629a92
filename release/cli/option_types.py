"""Types and callbacks of options whose values click cannot check by itself.

Modules about images are imported late: `--help` and commands without such an option need none.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from release.errors import BuildError, ConfigError
from release.json_text import is_utf8


class RecordedText(click.ParamType[str]):
    """The type of options whose text is recorded. Bytes that are not UTF-8, which no record can hold, are refused."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """`value`, unless it has lone surrogates, which Python gives for such bytes."""
        if is_utf8(value):
            return value
        return self.fail("the text has bytes that are not UTF-8", param, ctx)


def one_platform(_: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The callback of an option for a platform of an image that exists: only the form of the text is checked."""
    from release.oci.image_json import parse_platform

    if value:
        _require(param, value, parse_platform)
    return value


def wanted_platforms(_: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The callback of an option for platforms that an image is to be built for: Go has to know them."""
    from release.oci.image_json import wanted_platform

    for value in filter(None, values):  # the rule about empty values refuses those
        _require(param, value, wanted_platform)
    return values


def _require(param: click.Parameter, value: str, parse: Callable[[str], object]) -> None:
    """Raise `ConfigError` where `parse` raises: the command line is wrong, and neither the build nor a registry."""
    try:
        parse(value)
    except BuildError as error:
        raise ConfigError(f"`{param.opts[-1]}`: {error.message}", hint=error.hint) from error


RECORDED_TEXT = RecordedText()
