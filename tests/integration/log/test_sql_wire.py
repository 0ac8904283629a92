"""Several statements in one round trip to a real PostgreSQL server."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from release.log.stores.sql.wire import answers, literals
from tests.support.services.postgres import Postgres


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[Any]:
    with psycopg.connect(postgres.url("postgres"), autocommit=True, client_encoding="utf8") as connection:
        yield connection


def rows(results: list[Any]) -> list[list[bytes]]:
    return [[one.get_value(row, 0) for row in range(one.ntuples)] for one in results]


def test_statements_without_rows_have_no_answer(connection: Any) -> None:
    found = answers(
        connection, b"BEGIN; SELECT 1; SET LOCAL lock_timeout = '1s'; SELECT 2 WHERE false; SELECT 3; COMMIT"
    )
    assert rows(found) == [[b"1"], [], [b"3"]]


@pytest.mark.parametrize("text", ["", "it's", 'a "b" \\ \\n \\x27', "Ärger 日本語 🚢", "%s $1 ; --"])
def test_text_is_returned_as_it_was_sent(connection: Any, text: str) -> None:
    for conforming in (b"on", b"off"):
        answers(connection, b"SET standard_conforming_strings = %b" % conforming)
        assert rows(answers(connection, b"SELECT " + literals(connection, [text])[0])) == [[text.encode()]]


def test_text_with_nul_is_refused(connection: Any) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        literals(connection, ["a", "b\0c"])


def test_texts_larger_than_every_buffer_are_sent_and_received(connection: Any) -> None:
    """The server answers the first statements before it has read the last ones."""
    (text,) = literals(connection, ["x" * 1_000_000])
    found = answers(connection, b"; ".join(b"SELECT " + text for _ in range(8)))
    assert [len(one) for answer in rows(found) for one in answer] == [1_000_000] * 8


def test_error_ends_the_statements_and_leaves_the_connection_usable(connection: Any) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero") as caught:
        answers(connection, b"SELECT 1; SELECT 1/0; SELECT 2")
    assert caught.value.sqlstate == "22012"
    with pytest.raises(psycopg.OperationalError, match=r"^made up"):
        answers(connection, b"DO $$BEGIN RAISE 'made up' USING ERRCODE = 'ZZ123'; END$$")
    assert rows(answers(connection, b"SELECT 2")) == [[b"2"]]


def test_lost_connection_is_an_operational_error(connection: Any) -> None:
    with pytest.raises(psycopg.OperationalError):
        answers(connection, b"SELECT pg_terminate_backend(pg_backend_pid()); SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        answers(connection, b"SELECT 1")


def test_handler_of_a_signal_runs_while_the_server_works(connection: Any) -> None:
    def handler(*_: object) -> None:
        raise InterruptedError("stop")

    before = signal.signal(signal.SIGALRM, handler)
    started = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(InterruptedError, match="stop"):
            answers(connection, b"SELECT pg_sleep(20)")
    finally:
        signal.signal(signal.SIGALRM, before)
        connection.close()
    assert time.monotonic() - started < 10
