"""Reads the section `log:` of `shipmark.yml`."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import msgspec

from release.config.document import Document, Position
from release.config.model import (
    LogSection,
)
from release.config.variables import expand_name, expand_url
from release.decoding import convert
from release.errors import ConfigError
from release.ref_names import remote_kind, require_ref


def log_sections(
    given: LogSection | tuple[str | LogSection, ...], env: Mapping[str, str], document: Document
) -> tuple[LogSection, ...]:
    """The stores of the key `log`, with their variables replaced. Raises `ConfigError`."""
    entries = given if isinstance(given, tuple) else (given,)
    if not entries:
        raise ConfigError(
            f"{document.at('$.log')}: `log` names no store",
            hint="write `log: {store: file}`, or leave `log` out: that is the default",
        )
    return tuple(_log(entry, env, document, f"$.log[{number}]") for number, entry in enumerate(entries))


def _log(entry: str | LogSection, env: Mapping[str, str], document: Document, path: str) -> LogSection:
    if isinstance(entry, str):
        try:
            return convert({"store": entry}, LogSection)
        except msgspec.ValidationError as error:
            where = document.at(path)
            raise ConfigError(
                f"{where}: `{entry}` is not a log store", hint="write `file`, `git` or `sql`"
            ) from error
    base = path if path in document.positions else "$.log"  # one section in place of a list

    def at(key: str) -> Position:
        return document.at(f"{base}.{key}")

    if entry.store == "git":
        require_ref(f"{at('ref')}: log.ref", entry.ref)
        remote_kind(f"{at('remote')}: log.remote", entry.remote)
    url = None if entry.url is None else expand_url(entry.url, env, key="log.url", where=f"{at('url')}: ")
    named = expand_name(entry.path, env, key="log.path", where=f"{at('path')}: ")
    if entry.store == "file":
        _require_log_path(named, f"{at('path')}: `log.path`")
    return msgspec.structs.replace(entry, path=named, url=url)


def _require_log_path(path: str, where: str) -> None:
    """Raise `ConfigError` for text that names no file, a relative path out of the repository, or a `.git` folder."""
    parts = posixpath.normpath(path).split("/")
    if not path or path.endswith("/") or parts == ["."] or not path.isprintable():
        raise ConfigError(f"{where} names no file: `{path}`", hint="`.shipmark/log.jsonl` is the default")
    if parts[0] == "..":
        raise ConfigError(
            f"{where} leaves the repository: `{path}`", hint="name a file in it, or write an absolute path"
        )
    if any(part.lower() == ".git" for part in parts):
        raise ConfigError(f"{where} leads into git's own folder: `{path}`", hint="name a file elsewhere")
