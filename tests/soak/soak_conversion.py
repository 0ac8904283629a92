"""Compares what `preview` refuses with what BuildKit refuses before it builds (`SHIPMARK_FUZZ`: how many files)."""

from __future__ import annotations

import json
import os
import random

from tests.support.buildkit_conversion.compare import known_difference, refusal
from tests.support.buildkit_conversion.questions import question
from tests.support.buildkit_parser.compare import ask
from tests.support.programs.go import ROOT, build

COUNT = int(os.environ.get("SHIPMARK_FUZZ") or 100_000)


def test_preview_refuses_a_dockerfile_if_buildkit_refuses_it_before_the_build() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    questions = [question(rng) for _ in range(COUNT)]
    answers = ask(build(ROOT / "tests" / "support" / "buildkit_conversion"), questions)
    wrong, taken = [], 0
    for asked, answer in zip(questions, answers, strict=True):
        ours, buildkit = refusal(asked), answer.get("error")
        taken += ours is None and buildkit is None
        if (ours is None) != (buildkit is None) and known_difference(asked, ours, buildkit) is None:
            wrong.append(json.dumps({"question": asked, "ours": ours, "buildkit": buildkit}))
    print(f"seed {seed}: both take {taken} of {COUNT}")
    assert not wrong, f"seed {seed}:\n" + "\n".join(wrong[:20])
    assert taken > COUNT // 10
