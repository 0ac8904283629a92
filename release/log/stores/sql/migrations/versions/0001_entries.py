"""Creates the tables of the head and the entries, and triggers that refuse to change or delete entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_POSTGRES = (
    """
    CREATE FUNCTION log_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'entries of the version log are never changed or removed';
    END $$
    """,
    """
    CREATE TRIGGER log_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry
    FOR EACH STATEMENT EXECUTE FUNCTION log_entry_is_append_only()
    """,
)
_SQLITE = tuple(
    f"""
    CREATE TRIGGER log_entry_no_{action} BEFORE {action} ON log_entry
    BEGIN SELECT RAISE(ABORT, 'entries of the version log are never changed or removed'); END
    """
    for action in ("update", "delete")
)


def upgrade() -> None:
    """Create the tables with an empty log."""
    head = op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("id = 1", name="log_head_is_one_row"),
    )
    op.create_table(
        "log_entry",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("prev", sa.String(64), nullable=False, unique=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("line", sa.Text, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": -1, "hash": "0" * 64}])
    for statement in _POSTGRES if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)
