"""The working folder of a session, and its files (config, CI event, credentials), each read up to a size limit."""

from __future__ import annotations

import os
from typing import Any

from release.app.settings import Settings
from release.errors import ConfigError
from release.filesystem.files import read_file
from release.json_text import parse_json
from release.limits import CONFIG_BYTES, CREDENTIAL_BYTES, EVENT_BYTES


def read_credentials(path: str) -> bytes | None:
    """The bytes of a file with credentials, or None where there is no such file. Raises `ConfigError`."""
    try:
        content = read_file(path, limit=CREDENTIAL_BYTES)
    except OSError as error:
        raise ConfigError(f"`{path}` cannot be read: {error.strerror}", hint="check its rights") from error
    # A common slip: DOCKER_CONFIG names `config.json` itself. Docker warns of it, too.
    above = os.path.dirname(path)
    if content is None and os.path.isfile(above):
        raise ConfigError(
            f"`{above}` is a file, and should be the folder of `{os.path.basename(path)}`",
            hint="name the folder",
        )
    return content


def read_config(path: str) -> str | None:
    """The text of a config file, or None where there is none. Raises `ConfigError`."""
    try:
        raw = read_file(path, limit=CONFIG_BYTES)
        # `\r\n` and `\r` become `\n`, as Python's text mode does: line numbers and YAML's block scalars depend on it.
        return None if raw is None else raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise ConfigError(f"`{path}` cannot be read: {error.strerror}", hint="check its rights") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def read_event(path: str | None) -> dict[str, Any] | None:
    """The JSON object in the event file of a CI system; None if it cannot be read or is not a JSON object.

    Detection of the CI system works without an event. Raises `ConfigError` for a path that is not a regular file, or
    for a file that is too large.
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


def working_folder(settings: Settings) -> str:
    """The absolute path of the working folder. Raises `ConfigError` if `-C` does not name a folder.

    Raises `RefusedError` if `-C` leads through a symlink out of a repository.
    """
    try:
        path = os.path.abspath(settings.directory)
    except FileNotFoundError as error:
        raise ConfigError(
            "the folder in which the command was started does not exist any more",
            hint="change to a folder that exists, or name one with `-C`",
        ) from error
    if not os.path.isdir(path):
        raise ConfigError(f"`{settings.directory}` is not a folder", hint="check the path behind `-C`")
    if settings.directory != ".":
        # Imported late: most commands work where they start.
        from release.git.way_out import require_no_way_out

        require_no_way_out(path, settings.env)
    return path
