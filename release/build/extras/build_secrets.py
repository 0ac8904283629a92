"""Reads the secrets of a build, and keeps them and build arguments out of everything that is shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from release.build.extras.options import Secret
from release.errors import BuildError
from release.filesystem.files import read_file
from release.filesystem.workspace_paths import is_within
from release.secrets.known import Secrets


class Secrecy:
    """The values that no output may show. `args`: build arguments; `others`: secrets."""

    def __init__(self, args: Mapping[str, str], others: Iterable[str]) -> None:
        self.args = args
        self._secrets = Secrets()
        for text in (*args.values(), *others):
            # A value of several lines is hidden line by line too, since output is shown line by line.
            self._secrets.add(text, *text.splitlines())

    def add(self, texts: Iterable[str]) -> None:
        """Hide these secrets, too."""
        self._secrets.add(*texts)

    def hide(self, text: str) -> str:
        """`text` with each value replaced by `***`; values below 4 characters stay."""
        return self._secrets.mask(text)

    def __repr__(self) -> str:
        """Only the names of the build arguments, so that no traceback shows a value."""
        return f"Secrecy({sorted(self.args)})"


_LARGEST = 500 * 1024  # bytes; BuildKit refuses a larger secret (`MaxSecretSize` in `session/secrets`)


def read_secrets(secrets: Sequence[Secret], env: Mapping[str, str], root: str) -> list[str]:
    """Read the values of `secrets`: of a file or a variable, empty for a variable that is not set.

    `root`: the repository. Raises `BuildError` for a file that is missing or cannot be read, and `ConfigError` for one
    that is too large or not a regular file, and for a path in the repository that leads out of it by a symlink.
    """
    return [_value(secret, env, root) for secret in secrets]


def _value(secret: Secret, env: Mapping[str, str], root: str) -> str:
    if secret.path is None:
        return env.get(secret.variable or "", "")
    try:
        raw = read_file(secret.path, limit=_LARGEST, within=root if is_within(secret.path, root) else None)
    except OSError as error:
        raise _unreadable(secret, error.strerror or "it cannot be read") from error
    if raw is None:
        raise _unreadable(secret, "it does not exist")
    return raw.decode("utf-8", "replace")


def require_agents(ssh: Sequence[str]) -> None:
    """Raise `BuildError` for a socket or key of `ssh:` that does not exist. `ssh`: with absolute paths."""
    for text in ssh:
        name, _, sources = text.partition("=")
        for path in filter(None, sources.split(",")):
            if not os.path.exists(path):
                raise BuildError(
                    f"`build: {{ssh: …}}`: the socket or key `{path}` of `{name}` does not exist",
                    hint="paths are relative to the repository's root; `default` takes the agent of SSH_AUTH_SOCK",
                )


def _unreadable(secret: Secret, reason: str) -> BuildError:
    return BuildError(
        f"`build: {{secrets: …}}`: the file `{secret.path}` of the secret `{secret.name}`: {reason}",
        hint="paths are relative to the repository's root; a variable is given as `env=NAME`",
    )
