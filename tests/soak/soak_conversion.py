"""Compares shipmark with BuildKit's conversion of Dockerfiles, which reads no file (`SHIPMARK_FUZZ`: how many)."""

from __future__ import annotations

import json
import os
import random

from tests.support.buildkit_conversion.compare import known_difference, refusal
from tests.support.buildkit_conversion.questions import question
from tests.support.buildkit_conversion.settings import settings_by_layers, settings_question
from tests.support.buildkit_parser.compare import ask
from tests.support.programs.go import ROOT, build
from tests.support.releases.flattened import settings_of

COUNT = int(os.environ.get("SHIPMARK_FUZZ") or 100_000)
PROGRAM = ROOT / "tests" / "support" / "buildkit_conversion"


def test_preview_refuses_a_dockerfile_if_buildkit_refuses_it_before_the_build() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    questions = [question(rng) for _ in range(COUNT)]
    answers = ask(build(PROGRAM), questions)
    wrong, taken = [], 0
    for asked, answer in zip(questions, answers, strict=True):
        ours, buildkit = refusal(asked), answer.get("error")
        taken += ours is None and buildkit is None
        if (ours is None) != (buildkit is None) and known_difference(asked, ours, buildkit) is None:
            wrong.append(json.dumps({"question": asked, "ours": ours, "buildkit": buildkit}))
    print(f"seed {seed}: both take {taken} of {COUNT}")
    assert not wrong, f"seed {seed}:\n" + "\n".join(wrong[:20])
    assert taken > COUNT // 10


def test_layers_gives_an_image_the_settings_that_buildkit_gives_it() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    questions = [settings_question(rng) for _ in range(COUNT)]
    wrong, both = [], 0
    for asked, answer in zip(questions, ask(build(PROGRAM), questions), strict=True):
        made = None if "error" in answer else settings_by_layers(asked)
        if made is None:
            continue
        both += 1
        buildkit = settings_of(answer["config"])
        # Blanks at the end of a trigger have no meaning.
        triggers = [text.rstrip() for text in buildkit.get("OnBuild", ())]
        if made != {**buildkit, **({"OnBuild": triggers} if triggers else {})}:
            wrong.append(json.dumps({"question": asked, "ours": made, "buildkit": buildkit}))
    print(f"seed {seed}: both make {both} of {COUNT}")
    assert not wrong, f"seed {seed}:\n" + "\n".join(wrong[:20])
    assert both > COUNT // 5
