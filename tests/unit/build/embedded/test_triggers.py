"""`ONBUILD` of a base image, which a stranger may have written."""

from __future__ import annotations

import pytest

from release.build.dockerfile.parser import parse
from release.build.embedded.base_config import read_triggers
from release.errors import BuildError
from release.limits import DOCKERFILE_INSTRUCTIONS

DOCKERFILE = parse("FROM base\n", "Dockerfile")


def test_triggers_of_a_base_are_read_as_instructions_at_the_line_of_its_from() -> None:
    found = read_triggers(("COPY a /b", "ENV X=1"), DOCKERFILE, 7)
    assert [(each.text, each.line) for each in found] == [("COPY a /b", 7), ("ENV X=1", 7)]


def test_base_with_more_triggers_than_a_dockerfile_may_have_instructions_is_refused() -> None:
    triggers = ("ENV X=1",) * (DOCKERFILE_INSTRUCTIONS + 1)
    with pytest.raises(BuildError, match="Dockerfile:7: the base has more than 10000 instructions"):
        read_triggers(triggers, DOCKERFILE, 7)
