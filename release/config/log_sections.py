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

#: The keys that one store reads and the others do not.
_KEYS = {"file": ("path", "allow_network_fs"), "git": ("ref", "remote"), "sql": ("url",)}


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
    places = [f"$.log[{number}]" for number in range(len(entries))]
    sections = tuple(_log(entry, env, document, place) for entry, place in zip(entries, places, strict=True))
    for number, place in enumerate(places):
        if identity_of(sections[number]) in map(identity_of, sections[:number]):
            raise ConfigError(
                f"{document.at(place)}: `log` names this `{sections[number].store}` store twice",
                hint="remove one of the two: a copy in the place of the log protects from nothing",
            )
    return sections


def identity_of(section: LogSection) -> tuple[str | None, ...]:
    """What distinguishes the store from others of its kind."""
    match section.store:
        case "file":
            return ("file", posixpath.normpath(section.path))
        case "git":
            return ("git", section.remote, section.ref)
        case _:
            return ("sql", section.url)


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

    _require_own_keys(entry, document, base)
    if entry.store == "git":
        require_ref(f"{at('ref')}: log.ref", entry.ref)
        remote_kind(f"{at('remote')}: log.remote", entry.remote)
    url = None if entry.url is None else expand_url(entry.url, env, key="log.url", where=f"{at('url')}: ")
    named = expand_name(entry.path, env, key="log.path", where=f"{at('path')}: ")
    if entry.store == "file":
        _require_log_path(named, f"{at('path')}: `log.path`")
    return msgspec.structs.replace(entry, path=named, url=url)


def _require_own_keys(section: LogSection, document: Document, base: str) -> None:
    """Raise `ConfigError` for a key that only other stores read: it would have no effect."""
    for store, keys in _KEYS.items():
        for key in keys:
            where = document.keys.get(f"{base}.{key}")
            if where is None or store == section.store:
                continue
            if getattr(section, key) != getattr(LogSection(), key):
                raise ConfigError(
                    f"{where}: `log.{key}` is read with `store: {store}` only",
                    hint=f"add `store: {store}`, or remove `{key}`",
                )


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
