"""Replaces `${NAME}` in the configuration by environment variables, and keeps secrets out of names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from release.errors import ConfigError
from release.json_text import is_utf8
from release.lazy_pattern import pattern
from release.secrets.names import looks_secret

_VARIABLE = pattern(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def names_in(text: str) -> list[str]:
    """The names of the variables that `text` uses as `${NAME}`, in order."""
    return _VARIABLE.findall(text)


def expand(text: str, env: Mapping[str, str], *, key: str, where: str = "") -> str:
    """`text`, the value of `key`, with each `${NAME}` replaced. `where`: the place in the file, for messages.

    Raises `ConfigError` for a name that is not set, or whose value is not UTF-8.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in env:
            raise ConfigError(
                f"{where}`{key}` takes `${{{match[1]}}}`, and no such variable is set",
                hint=f"set {match[1]} in the environment of this job",
            )
        if not is_utf8(env[match[1]]):
            raise ConfigError(
                f"{where}`{key}` takes `${{{match[1]}}}`, which has bytes that are not UTF-8",
                hint=f"set {match[1]} in UTF-8",
            )
        return env[match[1]]

    return _VARIABLE.sub(value, text) if "${" in text else text


def expand_name(text: str, env: Mapping[str, str], *, key: str, where: str = "") -> str:
    """As `expand`, for the name of a host, path or image, which other people and servers can read.

    Raises `ConfigError` with `key` and the variable if the variable looks like a secret.
    """
    for match in _VARIABLE.finditer(text) if "${" in text else ():
        if looks_secret(match[1]):
            raise ConfigError(
                f"{where}`{key}` takes `${{{match[1]}}}`, which looks like a secret, into a name that others can read",
                hint=f"if {match[1]} is not a secret, use a variable with another name; the credential of "
                "a registry comes from `docker login` or SHIPMARK_REGISTRY_<HOST>_TOKEN",
            )
    return expand(text, env, key=key, where=where)


def expand_url(text: str, env: Mapping[str, str], *, key: str, where: str = "") -> str:
    """As `expand`, for a URL with a password: secrets are allowed before the host, and as the whole URL.

    Raises `ConfigError` with `key` and the variable if a secret would become part of the host, path or query.
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
    return expand(text, env, key=key, where=where)


def _user_part(text: str) -> range:
    """The positions of user and password in a URL: from `://` to the last `@` before the path."""
    head, separator, rest = text.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0] if separator else ""
    start = len(head) + len(separator)
    return range(start, start + max(0, authority.rfind("@")))
