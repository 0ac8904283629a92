"""The parser reads Dockerfiles as BuildKit's own parser does: `tests/conformance/`, `dockerfiles.json.gz`."""

from __future__ import annotations

import json

import pytest

from tests.support.buildkit_parser.compare import agree, known_difference, ours
from tests.support.conformance import table


@pytest.mark.parametrize("kind", ["dockerfile", "word"])
def test_dockerfiles_and_operands_are_read_as_buildkit_reads_them_apart_from_known_differences(
    kind: str,
) -> None:
    wrong = []
    agreed = 0
    for question, buildkit in table("dockerfiles")["cases"]:
        if kind not in question:
            continue
        answer = ours(question)
        if agree(answer, buildkit):
            agreed += 1
        elif known_difference(question, answer, buildkit) is None:
            wrong.append(json.dumps({"question": question, "ours": answer, "buildkit": buildkit}))
    assert not wrong, "\n".join(wrong)
    assert agreed > 1000


def test_each_known_difference_from_buildkit_still_exists() -> None:
    found = {
        known_difference(question, answer, buildkit)
        for question, buildkit in table("dockerfiles")["cases"]
        if not agree(answer := ours(question), buildkit)
    }
    assert len(found) == 4
