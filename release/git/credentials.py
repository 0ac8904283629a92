"""Credentials of git for a private repository: those in the settings of a clone, or a token.

Settings that are stored in a clone, such as the `http.….extraheader` of `actions/checkout`, do not apply to another
repository, whose fetches would fail without them.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from release.digits import number_in
from release.git.command import Git
from release.ports import Process
from release.secrets.known import passwords_of

_HANDED_OVER = r"^(http\..*|credential\..*|url\..*|core\.sshcommand|ssh\.variant)$"
# Seconds for `git config`, which only reads small files.
_TIMEOUT = 10.0


class Credentials(msgspec.Struct, frozen=True):
    """Git configuration with credentials, as (key, value). Never printed, never in an argument list."""

    settings: tuple[tuple[str, str], ...] = ()


def credentials_of(process: Process, clone: str, env: Mapping[str, str]) -> Credentials:
    """The clone's own settings about remotes (`_HANDED_OVER`), with conditional includes; none if `git config` fails.

    Raises `GitError` if git is missing or does not end within 10 s.
    """
    done = Git(process, clone, env).run(
        "config", "--local", "--includes", "--null", "--get-regexp", _HANDED_OVER, timeout=_TIMEOUT
    )
    # `--null`: each item is key, newline, value. Exit code 1: no such setting.
    items = done.stdout.decode("utf-8", "replace").split("\0") if done.code == 0 else []
    pairs = (item.partition("\n") for item in items if item)
    return Credentials(tuple((key, value) for key, _, value in pairs))


def keeps_to_its_host(credentials: Credentials) -> tuple[str, ...]:
    """Options for git that refuse redirects if the credentials hold an extra header.

    Git sends extra headers to the host of a redirect too, with the POST that follows (seen with git 2.39).
    """
    headers = any(key.lower().endswith(".extraheader") for key, _ in credentials.settings)
    return ("-c", "http.followRedirects=false") if headers else ()


def with_settings(env: Mapping[str, str], settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """`env` with more git configuration, after the settings that `env` holds already.

    Settings are passed in the environment, since other users of the machine can read argument lists. ssh gets the
    option BatchMode, unless `env` or a setting names another ssh command.
    """
    added = dict(env)
    count = env.get("GIT_CONFIG_COUNT", "0")
    # A count that is not a number, with which git would fail, or that nobody sets (above 10,000) counts as 0.
    start = number_in(count, most=10_000) or 0
    for number, (key, value) in enumerate(settings, start):
        added[f"GIT_CONFIG_KEY_{number}"] = key
        added[f"GIT_CONFIG_VALUE_{number}"] = value
    added["GIT_CONFIG_COUNT"] = str(start + len(settings))
    if not any(key.lower() == "core.sshcommand" for key, _ in settings):
        # BatchMode: fail instead of asking for a passphrase or about an unknown host, since nobody can answer. The
        # variable has precedence over `core.sshCommand`, so it is set only where that is not configured.
        added.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    return added


def credentials_of_token(url: str, token: str, user: str = "x-access-token") -> Credentials:
    """Settings that send a CI system's token to the host of `url` and to no other host."""
    parts = urlsplit(url)
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    host = parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else ""
    return Credentials(((f"http.{parts.scheme}://{host}/.extraheader", f"Authorization: Basic {basic}"),))


def secrets_of_settings(credentials: Credentials) -> list[str]:
    """The secrets in `credentials`: extra headers, encoded and decoded, and passwords in URLs."""
    found = []
    for key, value in credentials.settings:
        if key.lower().endswith(".extraheader"):
            secret = value.rpartition(" ")[2]
            found.append(secret)
            with contextlib.suppress(ValueError):
                pair = base64.b64decode(secret, validate=True).decode()
                found += [pair, pair.partition(":")[2]]
        found += [*passwords_of(key), *passwords_of(value)]
    return found
