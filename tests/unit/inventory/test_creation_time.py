"""When an image was made, by its config."""

from __future__ import annotations

import json

import pytest

from release.inventory.creation_time import created_in


@pytest.mark.parametrize(
    ("created", "milliseconds"),
    [
        ("2020-01-01T00:00:00Z", 1_577_836_800_000),
        ("2020-01-01T00:00:00.123456789Z", 1_577_836_800_123),
        ("2020-01-01T05:30:00+05:30", 1_577_836_800_000),
        ("2020-01-01T00:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_577_836_800, None),
    ],
)
def test_creation_time_is_read_if_it_names_a_moment(created: object, milliseconds: int | None) -> None:
    assert created_in(json.dumps({"created": created}).encode()) == milliseconds


@pytest.mark.parametrize(
    "constant",
    ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "2012-12-31T23:59:59Z"],
)
def test_constant_of_a_reproducible_build_is_no_creation_time(constant: str) -> None:
    assert created_in(json.dumps({"created": constant}).encode()) is None
