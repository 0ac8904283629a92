"""Creates the tables of the index, which `shipmark log migrate` then fills. Version 0.1.0 does not use them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from release.log.catalog.tables import STATE, TABLES, definition, first_state
from release.log.stores.sql.index import TYPES

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables, with an index of no entry."""
    dialect = op.get_bind().dialect.name
    for table in TABLES:
        op.execute(definition(table, TYPES[dialect], clustered=dialect == "sqlite"))
    state = sa.table(STATE.name, *(sa.column(name) for name, _ in STATE.columns))
    names = [name for name, _ in STATE.columns]
    op.bulk_insert(state, [dict(zip(names, first_state(""), strict=True))])
