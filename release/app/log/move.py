"""Copies a log from one store to another, and makes the tables of a SQL log."""

from __future__ import annotations

import os

import msgspec

from release.app.log.open_log import open_store, section_of, sql_url
from release.app.session import Session
from release.config.log_sections import identity_of
from release.config.model import LogSection
from release.errors import ConfigError, LogError
from release.log.catalog.open_index import fill_tables


class CopyLogRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Two stores: `file:PATH`, `git:REMOTE` or `sql:URL`, with `${NAME}` in place of a password."""

    source: str
    target: str


class CopyLogReport(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the two stores, and how many entries were copied."""

    source: str
    target: str
    copied: int


class MigrateReport(msgspec.Struct, frozen=True, kw_only=True):
    """The revision of the tables before (None: there were none) and after. `store`: the name of the log.

    `copies`: the other SQL logs of the config.
    """

    before: str | None
    after: str | None
    store: str = ""
    copies: tuple[MigrateReport, ...] = ()


def copy_log(workspace: Session, request: CopyLogRequest) -> CopyLogReport:
    """Append to the target every entry that it lacks, with its bytes unchanged; may be repeated after an interruption.

    Raises `ConfigError` for a source without entries, and for one store as both; `RefusedError` if the target's entries
    are not the beginning of the source's, and in a run that is not trusted.
    """
    from release.log.replicate import copy as replicate

    workspace.require_trusted("log copy")
    env, context = workspace.settings.env, workspace.ground
    sections = [section_of(text, env) for text in (request.source, request.target)]
    source, target = (open_store(section, context) for section in sections)
    if len({identity_of(section) for section in sections}) == 1:
        raise ConfigError(f"`{source.name}` would be copied to itself", hint="name another store with `--to`")
    if source.head().seq < 0:
        raise ConfigError(
            f"`{source.name}` has no entries, or does not exist: there is nothing to copy",
            hint="check `--from`: a path is taken from the top folder of the repository",
        )
    return CopyLogReport(source=source.name, target=target.name, copied=replicate(source, target))


def migrate(workspace: Session) -> MigrateReport:
    """Create the tables of each SQL log in the config, or bring them to the newest form, and index their entries.

    No other command changes the form of tables. Raises `ConfigError` without a SQL log, and `RefusedError` in a run
    that is not trusted.
    """
    workspace.require_trusted("log migrate")
    sections = [section for section in workspace.config.log if section.store == "sql"]
    if not sections:
        raise ConfigError(
            "the config names no SQL log", hint="write `log: {store: sql, url: ${SHIPMARK_LOG_URL}}`"
        )
    first, *copies = [_migrated(workspace, section) for section in sections]
    return msgspec.structs.replace(first, copies=tuple(copies))


def _migrated(workspace: Session, section: LogSection) -> MigrateReport:
    # Raises `ConfigError` if a package of the SQL log or its URL is missing, before the next import would fail.
    open_store(section, workspace.ground)
    from release.log.stores.sql.migrate import migrate as migrate_tables

    url = sql_url(section, workspace.settings.env)
    _make_folder(url, workspace.root)
    before, after = migrate_tables(url, workspace=workspace.root)
    # A store of its own: the one above may have found the tables without the index.
    store = open_store(section, workspace.ground)
    fill_tables(store)
    return MigrateReport(before=before, after=after, store=store.name)


def _make_folder(url: str, root: str) -> None:
    """Make the folder of a SQLite file, and hide it from git if it lies in `.shipmark/`. Raises `LogError`."""
    from release.log.stores.file.folder import LogFolder
    from release.log.stores.sql.urls import located, parse_url
    from release.log.stores.syscalls import OsFiles

    parsed = located(parse_url(url), root)
    if parsed.get_backend_name() != "sqlite":
        return
    folder = os.path.dirname(parsed.database or "")
    try:
        LogFolder(folder, OsFiles(root)).make()
    except OSError as error:
        raise LogError(
            f"folder `{folder}` of the version log cannot be made: {(error.strerror or str(error)).lower()}",
            hint="make it, with the right to write there, or name another file in `log.url`",
        ) from error
