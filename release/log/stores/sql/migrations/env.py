"""Alembic runs this for every command; `sql_migrate` hands the connection over, inside its transaction."""

from __future__ import annotations

from alembic import context

from release.log.stores.sql.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
