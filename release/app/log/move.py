"""Copies a log from one store to another, and makes the tables of a SQL log."""

from __future__ import annotations

import msgspec

from release.app.log.open_log import open_store, section_of, sql_url
from release.app.session import Session
from release.config.log_sections import identity_of
from release.errors import ConfigError
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
    """The revision of the tables before (None: there were none) and after."""

    before: str | None
    after: str | None


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
    """Create the tables of the first SQL log in the config, or bring them to the newest form, and index its entries.

    No other command changes the form of tables. Raises `ConfigError` without a SQL log, and `RefusedError` in a run
    that is not trusted.
    """
    workspace.require_trusted("log migrate")
    sections = [section for section in workspace.config.log if section.store == "sql"]
    if not sections:
        raise ConfigError(
            "the config names no SQL log", hint="write `log: {store: sql, url: ${SHIPMARK_LOG_URL}}`"
        )
    # Raises `ConfigError` if a package of the SQL log or its URL is missing, before the next import would fail.
    open_store(sections[0], workspace.ground)
    from release.log.stores.sql.migrate import migrate as migrate_tables

    url = sql_url(sections[0], workspace.settings.env)
    before, after = migrate_tables(url, workspace=workspace.root)
    # A store of its own: the one above may have found the tables without the index.
    fill_tables(open_store(sections[0], workspace.ground))
    return MigrateReport(before=before, after=after)
