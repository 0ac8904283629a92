"""pytest collects every folder of tests."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]


def test_pytest_looks_into_every_folder_that_holds_tests(pytestconfig: pytest.Config) -> None:
    skipped = pytestconfig.getini("norecursedirs")
    folders = {path.parent.relative_to(_TESTS) for path in _TESTS.rglob("test_*.py")}
    assert len(folders) > 20
    left_out = [
        str(one) for one in folders if any(fnmatch(part, glob) for part in one.parts for glob in skipped)
    ]
    assert left_out == []
