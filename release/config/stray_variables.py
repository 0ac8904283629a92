"""Refuses `${NAME}` in values of the config that are not replaced. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from release.config.document import Document
from release.config.variables import names_in
from release.errors import ConfigError
from release.lazy_pattern import pattern

# Keys whose values are replaced; commands, where a shell may do it; and rules, which have an error of their own.
_FREE = pattern(
    r"\$(?:\.components\.[^.]+)?\.(?:images?(?:\[\d+\](?:\.image)?)?|build\.args\..*|checks\[\d+\]\.run\[\d+\]|tags.*|flavor.*)"
    r"|\$\.log(?:\[\d+\])?\.(?:path|url)",
    re.DOTALL,
)
# Values with expressions.
_EXPRESSIONS = pattern(r"\$(?:\.components\.[^.]+)?\.(?:labels|annotations)\..*", re.DOTALL)


def require_no_stray(document: Document) -> None:
    """Raise `ConfigError` with the place of a `${NAME}` that would stay as it is."""
    for path, text in _texts(document.value, "$"):
        names = names_in(text)
        if names and not _FREE.fullmatch(path):
            key = path.removeprefix("$.")
            hint = (
                f"write `{{{{env.{names[0]}}}}}`"
                if _EXPRESSIONS.fullmatch(path)
                else "write the value itself: `${NAME}` is replaced in `image`, `images`, `build.args`, `log.path` and "
                "`log.url`"
            )
            raise ConfigError(f"{document.at(path)}: `${{{names[0]}}}` is not replaced in `{key}`", hint=hint)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{number}]")
    elif isinstance(value, str) and "${" in value:
        yield path, value
