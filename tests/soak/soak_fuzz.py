"""The long form of the fuzz tests: 100,000 (`SHIPMARK_FUZZ`) damaged inputs for each parser, about half an hour."""

from __future__ import annotations

import os

import pytest

from tests.support.fuzzing import Parser, fuzz
from tests.support.own_parsers import PARSERS as OWN
from tests.unit.registry.test_fuzz import PARSERS as FOREIGN

COUNT = int(os.environ.get("SHIPMARK_FUZZ") or 100_000)


@pytest.mark.parametrize("parser", [*OWN, *FOREIGN], ids=lambda parser: parser.name)
def test_damaged_input_is_parsed_or_refused(parser: Parser) -> None:
    fuzz(parser, COUNT)
