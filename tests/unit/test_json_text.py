"""Parsing JSON of a workspace or CI system: every defect is a `ConfigError` whose message quotes no content."""

from __future__ import annotations

import pytest

from release.errors import ConfigError
from release.json_text import parse_json
from release.limits import DOCUMENT_DEPTH


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{} x",
        b"NaN",
        b"1e999",
        b"9" * 10_000,
        b'"\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[" * (DOCUMENT_DEPTH + 1) + b"]" * (DOCUMENT_DEPTH + 1),
    ],
)
def test_invalid_or_too_deeply_nested_json_is_a_config_error(raw: bytes) -> None:
    with pytest.raises(ConfigError, match=r"`event\.json` is ") as caught:
        parse_json(raw, "event.json")
    assert caught.value.__cause__ is None


def test_json_nested_up_to_the_limit_is_read() -> None:
    for inner in (b"", b"1", b'"x"'):
        assert parse_json(b"[" * DOCUMENT_DEPTH + inner + b"]" * DOCUMENT_DEPTH, "f")


def test_of_duplicate_keys_in_json_the_last_counts() -> None:
    assert parse_json(b'{"a": 1, "a": 2}', "f") == {"a": 2}


def test_error_for_invalid_json_does_not_quote_its_bytes() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(b'{"auth": "c2VjcmV0\xff"}', "config.json")
    assert caught.value.message == "`config.json` is not JSON: not UTF-8"
