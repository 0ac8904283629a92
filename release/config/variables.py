"""`${NAME}` in values of the configuration: replaced from the environment; no secret becomes part of a name. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from release.errors import ConfigError
from release.secret_names import looks_secret

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def names_in(text: str) -> list[str]:
    """The variables that `text` takes by `${NAME}`, in their order."""
    return _VARIABLE.findall(text)


def expand(text: str, env: Mapping[str, str], *, where: str = "") -> str:
    """`text` with each `${NAME}` replaced. `where`: the file, for messages. Raises `ConfigError` for an unset name."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in env:
            raise ConfigError(
                f"{where}`${{{match[1]}}}` stands in `{text}`, and no such variable is set",
                hint=f"set {match[1]} in the environment of this job",
            )
        return env[match[1]]

    return _VARIABLE.sub(value, text)


def expand_name(text: str, env: Mapping[str, str], *, key: str, where: str = "") -> str:
    """`expand` for what names a host, a path or an image: whoever answers there, or lists it, reads the whole name.

    Raises `ConfigError` naming `key` and the variable where one looks secret.
    """
    for match in _VARIABLE.finditer(text):
        if looks_secret(match[1]):
            raise ConfigError(
                f"{where}`{key}` takes `${{{match[1]}}}`, which looks like a secret, into a name that others can read",
                hint=f"if {match[1]} is not secret, give the value by a variable whose name says so; the credential of "
                "a registry comes from `docker login` or SHIPMARK_REGISTRY_<HOST>_TOKEN",
            )
    return expand(text, env, where=where)


def expand_url(text: str, env: Mapping[str, str], *, key: str, where: str = "") -> str:
    """`expand` for a URL with a password: secrets may stand before its host, or be the whole URL.

    Raises `ConfigError` naming `key` and the variable where a secret would become part of the host, path or query.
    """
    user = _user_part(text)
    for match in _VARIABLE.finditer(text):
        is_whole = match[0] == text.strip()
        if looks_secret(match[1]) and not is_whole and not user.start <= match.start() < user.stop:
            raise ConfigError(
                f"{where}`{key}` takes `${{{match[1]}}}`, which looks like a secret, into a host, path or query",
                hint=f"write it as the password, `postgresql://USER:${{{match[1]}}}@HOST/NAME`, or keep the whole URL "
                f"in one variable: `{key.rpartition('.')[2]}: ${{SHIPMARK_LOG_URL}}`",
            )
    return expand(text, env, where=where)


def _user_part(text: str) -> range:
    """Where user and password stand: between `://` and the last `@` before the path."""
    head, separator, rest = text.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0] if separator else ""
    start = len(head) + len(separator)
    return range(start, start + max(0, authority.rfind("@")))
