"""Files that a session reads: the config, the CI system's event, credentials. All of them with a limit."""

from __future__ import annotations

from typing import Any

from release.errors import ConfigError
from release.filesystem.files import read_file
from release.json_text import parse_json
from release.limits import CONFIG_BYTES, CREDENTIAL_BYTES, EVENT_BYTES


def read_credentials(path: str) -> bytes | None:
    """The bytes of a file with credentials, or None where there is no such file."""
    try:
        return read_file(path, limit=CREDENTIAL_BYTES)
    except OSError as error:
        raise ConfigError(f"`{path}` cannot be read: {error.strerror}", hint="check its rights") from error


def read_config(path: str) -> str | None:
    """The text of a config file, or None where there is none. Raises `ConfigError`."""
    try:
        raw = read_file(path, limit=CONFIG_BYTES)
        # Line breaks as in text mode: positions and block scalars count on `\n`.
        return None if raw is None else raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise ConfigError(f"`{path}` cannot be read: {error.strerror}", hint="check its rights") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def read_event(path: str | None) -> dict[str, Any] | None:
    """The event file's content; None when there is none that can be understood: detection does without.

    Raises `ConfigError` for a path that is not a regular file, or too large.
    """
    try:
        raw = None if path is None else read_file(path, limit=EVENT_BYTES)
    except OSError:
        return None
    try:
        value = None if raw is None else parse_json(raw, str(path))
    except ConfigError:
        return None
    return value if isinstance(value, dict) else None
