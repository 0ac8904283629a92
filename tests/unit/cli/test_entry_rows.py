"""The rows of `log show`, also of entries whose members have types that another version may write."""

from __future__ import annotations

from typing import Any

import pytest

from release.cli.output.entry_rows import entry_row
from tests.support.logs.facts import fact, moved, planned, pushed

MEMBERS = (
    "at",
    "version",
    "versions",
    "target",
    "tags",
    "image",
    "error",
    "reason",
    "platform",
    "digest",
    "release",
)


@pytest.mark.parametrize("odd", [7, True, "text", ["text", 7], {"digest": 7}, [{"name": ["x"]}]], ids=repr)
@pytest.mark.parametrize(
    "kind", ["moved", "deployed", "promoted", "status", "built-platform", "yanked", "teleported"]
)
def test_entry_with_members_of_other_types_is_shown(kind: str, odd: Any) -> None:
    for name in MEMBERS:
        row = entry_row({"seq": 4, **fact(kind), name: odd}, {})
        assert (row[0], row[2]) == ("4", kind)
        assert all(isinstance(cell, str) for cell in row)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (planned(), "1.4.2"),
        (pushed(tag="1.4.2"), "registry.example/acme/app 1.4.2"),
        (moved(), "registry.example/acme/app latest"),
        ({"kind": "yanked", "versions": ["1.4.2", "1.4.3"], "reason": "bad"}, "1.4.2, 1.4.3 bad"),
        ({"kind": "status", "version": "1.4.2", "status": "stable"}, "1.4.2 stable"),
    ],
    ids=lambda one: str(one.get("kind")) if isinstance(one, dict) else "",
)
def test_row_of_an_entry_says_what_it_is_about(entry: dict[str, Any], said: str) -> None:
    assert entry_row({"seq": 4, **entry}, {})[3] == said
