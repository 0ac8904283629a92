"""What is done to text before it is printed or handed on: secrets leave it, commands and controls are broken up.

Every printer goes through here; the streams of the process do it once more, for what libraries write by themselves.
"""

from __future__ import annotations

import json
from typing import Any

from ci.escape import escape_foreign, escape_json
from release.known_secrets import Secrets
from release.redaction import redact

_known = [Secrets()]


def hide(secrets: Secrets) -> None:
    """Print none of `secrets` from now on, nor what is added to them later; those of earlier calls stay hidden."""
    if not any(one is secrets for one in _known):
        _known.append(secrets)


def clean(text: str) -> str:
    """`text` without known secrets and without passwords in URLs; not escaped."""
    return masked(redact(text))


def masked(text: str) -> str:
    """`text` without known secrets."""
    for secrets in _known:
        text = secrets.mask(text)
    return text


def one_line(text: str) -> str:
    """`text` as one line that is safe to print anywhere: a line break in it is shown as `\\n`."""
    # Again behind the escape: a colour in the middle of a secret is gone by then.
    return masked(escape_foreign(clean(text)))


def escaped(line: str) -> str:
    """A line that a library wrote, or that was made safe before: one that was comes back as it is."""
    return escape_foreign(masked(line))


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """`value` as JSON in which no log finds a command: `\\u` escapes, so that readers get the same value.

    `indent`: None for one line.
    """
    separators = (",", ":") if indent is None else None
    plain = cleaned(value)
    return escape_json(json.dumps(plain, indent=indent, separators=separators, ensure_ascii=ascii_only))


def cleaned(value: Any) -> Any:
    """Plain JSON data with `clean` done to each text in it, keys included."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {cleaned(key): cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [cleaned(item) for item in value]
        case _:
            return value
