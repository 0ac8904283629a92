"""Sends several statements to PostgreSQL at once, past the driver's cursors.

A cursor takes 50 to 70 us of CPU for each round trip, on which every other writer waits; this takes 10 to 20.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any


def answers(connection: Any, statements: bytes) -> list[Any]:
    """Run `statements` in one round trip; return the results that have rows, in their order.

    `connection`: psycopg's, with no other command running. Raises psycopg's errors.
    """
    from psycopg import pq  # imported late: SQLite does not need psycopg

    wire = connection.pgconn
    wire.send_query(statements)
    # poll, not select: that fails for descriptors above 1023. A signal's handler runs while this waits.
    waiting = select.poll()
    waiting.register(wire.socket, select.POLLIN | select.POLLOUT)
    while wire.flush():  # the server may send while it receives: both would wait if nobody read
        if any(event & ~select.POLLOUT for _, event in waiting.poll()):
            wire.consume_input()
    waiting.modify(wire.socket, select.POLLIN)
    found, failed = [], None
    while True:
        while wire.is_busy():
            waiting.poll()
            wire.consume_input()
        result = wire.get_result()
        if result is None:
            break
        if result.status == pq.ExecStatus.FATAL_ERROR:
            failed = result
        elif result.status == pq.ExecStatus.TUPLES_OK:
            found.append(result)
    if failed is not None:
        raise _error_of(failed)
    return found


def literals(connection: Any, values: Sequence[str]) -> list[bytes]:
    """`values` as literals of SQL. Raises psycopg's `DataError` for text that no column of PostgreSQL can hold."""
    from psycopg import DataError, pq

    if "\0" in "".join(values):
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    escape = pq.Escaping(connection.pgconn).escape_literal
    return [bytes(escape(value.encode())) for value in values]


def _error_of(result: Any) -> Exception:
    from psycopg import OperationalError, errors, pq

    state = result.error_field(pq.DiagnosticField.SQLSTATE)
    try:
        kind = errors.lookup(state.decode()) if state else OperationalError
    except KeyError:
        kind = OperationalError
    return kind(pq.error_message(result))
