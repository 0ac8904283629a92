"""Causes of errors that a connected PostgreSQL server reports: its state, rights and tables. Pure."""

from __future__ import annotations

from release.errors import LogCorrupt, LogUnavailable
from release.log.stores.sql.cause import FOREIGN, cause

#: Searched in this order: the first cause that covers an error counts.
STATEMENTS = (
    cause(
        r"the database system is (?:starting up|shutting down|in recovery)",
        "the server is starting or stopping: run again in a moment",
        "57P03",
        "57P01",
        error=LogUnavailable,
    ),
    cause(
        r"idle-session timeout|idle-in-transaction timeout",
        "the server ended the connection because it was idle (`idle_session_timeout`): run again",
        "57P05",
        "25P03",
        error=LogUnavailable,
    ),
    cause(
        r"read-only transaction",
        "this is a replica, or it is set to read only: name the primary server in the URL; with several hosts, "
        "`?target_session_attrs=read-write` finds it",
        "25006",
    ),
    cause(
        r"statement timeout",
        "the server ends statements that take this long: raise `statement_timeout` of this role (`ALTER ROLE … SET "
        "statement_timeout = '30s'`), or find out what slows the server down",
        "57014",
        error=LogUnavailable,
    ),
    cause(
        r"lock timeout",
        "another writer holds the row of `log_head`: `SELECT * FROM pg_stat_activity WHERE application_name = "
        "'shipmark'` shows which; run again when it is done",
        "55P03",
        error=LogUnavailable,
    ),
    cause(
        r"row-level security policy",
        "row-level security refuses the entry: add a policy that admits this role (`CREATE POLICY … USING (true)`), "
        "or `ALTER TABLE … DISABLE ROW LEVEL SECURITY`",
    ),
    cause(
        r"permission denied for schema",
        "`GRANT USAGE ON SCHEMA … TO …` lets the role use the tables; to make them (`shipmark log migrate`) it also "
        "needs `CREATE` on the schema",
    ),
    cause(
        r"no schema has been selected",
        "no schema in `search_path` exists and may be used by this role: create it, `GRANT USAGE, CREATE ON SCHEMA … "
        "TO …`, or name another with `?options=-csearch_path%3DSCHEMA` in the URL",
        "3F000",
    ),
    cause(
        "",
        "grant the role `SELECT, INSERT` on `log_entry`, `SELECT, UPDATE` on `log_head` and `SELECT` on "
        "`alembic_version`; to make tables it also needs `CREATE` on the schema",
        "42501",
    ),
    cause(
        r"relation \"[^\"]*\" does not exist",
        "run `shipmark log migrate` once, with a role that may make tables; with `search_path`, name the same schema",
        "42P01",
    ),
    cause(
        r"column \S+ does not exist|relation \"[^\"]*\" already exists",
        FOREIGN,
        "42703",
        "42P07",
    ),
    cause(
        r"has no equivalent in encoding|unsupported encoding",
        "the database cannot store every character: make one with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE "
        "template0`, and `shipmark log copy` the log to it",
        "22P05",
    ),
    cause(
        r"No space left on device|could not extend file",
        "make room on the server's disk, then run again",
        "53100",
    ),
    cause(
        r"invalid page in block|could not read block",
        "the server's files are damaged: restore the database from a backup, or from a mirror with `shipmark log copy`",
        "XX001",
        "XX002",
        error=LogCorrupt,
    ),
)
