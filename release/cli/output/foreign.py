"""Makes text safe to print: removes secrets, and escapes control characters and commands of CI systems.

Every printer of shipmark uses these functions. The process's stdout and stderr use them, too, for text that libraries
print.
"""

from __future__ import annotations

from typing import Any

from ci.escape import escape_foreign, escape_json
from release.secrets.known import Secrets
from release.secrets.redaction import redact

_known = [Secrets()]


def hide(secrets: Secrets) -> None:
    """Have `secrets` masked in all output from now on, in addition to those of earlier calls.

    Secrets that are added to the object later are masked, too.
    """
    if not any(one is secrets for one in _known):
        _known.append(secrets)


def clean(text: str) -> str:
    """`text` without known secrets and without passwords in URLs; control characters are not escaped."""
    return masked(redact(text))


def masked(text: str) -> str:
    """`text` without known secrets."""
    for secrets in _known:
        text = secrets.mask(text)
    return text


def one_line(text: str) -> str:
    """`text` as one line that is safe to print anywhere: a line break in it is shown as `\\n`."""
    # Masked again after escaping: escaping removes colour codes, which may have stood in the middle of a secret.
    return masked(escape_foreign(clean(text)))


def escaped(line: str) -> str:
    """`line` without known secrets and escaped, for lines of libraries; a line that is safe already stays unchanged."""
    return escape_foreign(masked(line))


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """`value` as JSON without secrets; texts that a CI system would read as commands are written with `\\u` escapes.

    `indent`: None for one line.
    """
    import json  # imported late, because every command imports this module, and few print JSON

    separators = (",", ":") if indent is None else None
    plain = cleaned(value)
    return escape_json(json.dumps(plain, indent=indent, separators=separators, ensure_ascii=ascii_only))


def cleaned(value: Any) -> Any:
    """JSON data with `clean` applied to each text in it, also to keys."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {cleaned(key): cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [cleaned(item) for item in value]
        case _:
            return value
