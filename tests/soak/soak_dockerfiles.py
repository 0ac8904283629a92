"""Compares shipmark's Dockerfile parser with BuildKit's on random input (`SHIPMARK_FUZZ`: how many)."""

from __future__ import annotations

import json
import os
import random

from tests.support.buildkit_parser.compare import agree, ask, known_difference, ours, questions
from tests.support.conformance import table
from tests.support.programs.go import ROOT, build

COUNT = int(os.environ.get("SHIPMARK_FUZZ") or 100_000)
PROGRAM = ROOT / "tests" / "support" / "buildkit_parser"


def test_random_dockerfiles_and_operands_are_read_as_by_buildkit_apart_from_known_differences() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    asked = questions(seed, files=COUNT, operands=COUNT)
    answers = ask(build(PROGRAM), asked)
    wrong = []
    for question, buildkit in zip(asked, answers, strict=True):
        answer = ours(question)
        if not agree(answer, buildkit) and known_difference(question, answer, buildkit) is None:
            wrong.append(json.dumps({"question": question, "ours": answer, "buildkit": buildkit}))
    assert not wrong, f"seed {seed}:\n" + "\n".join(wrong[:20])


def test_the_table_of_dockerfiles_has_the_answers_of_buildkit() -> None:
    cases = table("dockerfiles")["cases"]
    answers = ask(build(PROGRAM), [question for question, _ in cases])
    # The names that it suggests in errors depend on the order of a Go map.
    assert all(agree(answer, kept) for answer, (_, kept) in zip(answers, cases, strict=True))
