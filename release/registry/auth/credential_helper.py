"""Asks credential helpers: programs `docker-credential-NAME`, which Docker's and Podman's files name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from release.decoding import convert, decode
from release.errors import ConfigError, Denied
from release.lazy_pattern import pattern
from release.ports import Process
from release.registry.auth.credential import Credential

_IDENTITY_USER = "<token>"
_NOT_THERE = "credentials not found"
_NAME = pattern(r"[A-Za-z0-9._-]+")
# Seconds that a credential helper may take.
# Some helpers call a cloud's API, or wait for a person to unlock a keyring.
# Without a limit, a helper that hangs would block the run.
_SECONDS = 60.0


class Helpers:
    """Asks each helper at most once for a server. `variable`: the variable that would hold a registry's token."""

    def __init__(self, process: Process, variable: Callable[[str], str]) -> None:
        self._process = process
        self._variable = variable
        self._known: dict[tuple[str, str], Credential | None] = {}

    def ask(self, helper: str, registry: str, server: str, path: str) -> Credential | None:
        """A helper's credential for `server`; None if it has none. `path`: of the file that names the helper.

        Raises `ConfigError` for a name that no program can have, and `Denied` if the helper is missing or fails.
        """
        if (helper, server) not in self._known:
            self._known[helper, server] = self._call(helper, registry, server, path)
        return self._known[helper, server]

    def _call(self, helper: str, registry: str, server: str, path: str) -> Credential | None:
        if not _NAME.fullmatch(helper):
            raise ConfigError(
                f"`{path}` names a credential helper that is not a program name",
                hint=f"write the end of its name: `ecr-login`; or set `{self._variable(registry)}`",
            )
        program = f"docker-credential-{helper}"
        try:
            return self._answer(program, registry, server, path)
        except Denied as error:
            hint = f"repair or remove the helper in `{path}`, or set `{self._variable(registry)}`"
            raise Denied(error.message, hint=error.hint or hint) from error

    def _answer(self, program: str, registry: str, server: str, path: str) -> Credential | None:
        try:
            # The protocol of credential helpers: the server's name on stdin, JSON on stdout.
            done = self._process.run([program, "get"], stdin=server.encode(), timeout=_SECONDS)
        except FileNotFoundError as error:
            raise Denied(
                f"`{path}` names the credential helper `{program}` for `{registry}`, but there is no such program",
                hint=f"install it, or set `{self._variable(registry)}`",
            ) from error
        except TimeoutError as error:
            raise Denied(f"`{program}` gave no answer in {_SECONDS:g} seconds") from error
        except OSError as error:  # a file without the right to execute it, or of another machine's format
            raise Denied(f"`{program}` cannot be started: {error.strerror}") from error
        if done.code != 0:
            # A failed helper may have printed the credential: do not quote output that holds one.
            told = b"" if b'"Secret"' in done.stdout else done.stdout
            said = (done.stderr.strip() or told.strip()).decode(errors="replace")
            if _NOT_THERE in said.lower() or _NOT_THERE in done.stdout.decode(errors="replace").lower():
                return None
            why = _printable(said) or f"exit code {done.code}, without a message"
            raise Denied(f"`{program} get` failed for `{registry}`: {why}")
        return _from_helper(done.stdout, program)


def _from_helper(output: bytes, program: str) -> Credential | None:
    try:
        # Docker, which is written in Go, takes members in any case.
        members = {name.lower(): value for name, value in decode(output, dict[str, Any]).items()}
        answer = convert(members, _HelperAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Denied(f"`{program}` answered something that is not a credential") from error
    if not answer.secret:
        return None
    if answer.username == _IDENTITY_USER:
        return Credential(kind="identity", secret=answer.secret, source=f"`{program}`")
    return Credential(kind="basic", username=answer.username, secret=answer.secret, source=f"`{program}`")


class _HelperAnswer(msgspec.Struct):
    username: str = ""
    secret: str = ""


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:1000]).strip()
