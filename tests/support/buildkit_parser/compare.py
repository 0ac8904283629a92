"""Compares BuildKit's parser of Dockerfiles with shipmark's, and lists the known differences.

`python -m tests.support.buildkit_parser.compare PROGRAM` writes the table `tests/conformance/dockerfiles.json.gz` anew.
`PROGRAM` is the program that `go build` makes of the Go module in `tests/support/buildkit_parser/`.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from release.build.dockerfile.expand import ExpansionError, expand, expand_body, expand_words
from tests.support.buildkit_parser.cases import mutated_file, operand, written_files
from tests.support.buildkit_parser.told import told
from tests.support.conformance import FOLDER
from tests.support.corpus import cases

Answer = dict[str, Any]
_HOW = {"word": expand, "words": expand_words, "body": expand_body}

_FORGETS = "BuildKit forgets the beginning of a word in front of `${NAME:-x}`: `EXPOSE 80${X:-80}` exposes 80"


def ask(program: Path, questions: Sequence[dict[str, Any]]) -> list[Answer]:
    """Return BuildKit's answers to `questions`, in the order of the questions."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(question: dict[str, Any]) -> Answer:
    """Return the answer of shipmark's parser to a question."""
    if "dockerfile" in question:
        return told(question["dockerfile"])
    how = question["how"]
    try:
        found = _HOW[how](question["word"], question["env"], question["escape"])
    except ExpansionError as error:
        return {"error": str(error)}
    return {"text": found} if isinstance(found, str) else {"words": list(found)}


def agree(one: Answer, other: Answer) -> bool:
    """Return whether two answers are equal, or both are errors (with any text)."""
    return ("error" in one and "error" in other) or one == other


def known_difference(question: dict[str, Any], answer: Answer, buildkit: Answer) -> str | None:
    """Return why shipmark's `answer` differs from BuildKit's on purpose; None if no known reason applies."""
    if "dockerfile" in question:
        is_refused, is_taken = "error" in answer, "error" not in buildkit
        if is_refused and is_taken and re.search(r"(?i)ONBUILD", question["dockerfile"]):
            return "a trigger is checked here, and by BuildKit when another image is built on this one"
        if not is_refused and is_taken and not question["dockerfile"].isascii():
            return "BuildKit reads flags byte by byte, and garbles what is not ASCII in them"
        return _FORGETS if re.search(r"<<[ \t\r]*\S*\$\{\w+\W", question["dockerfile"]) else None
    if question["how"] == "words" and "${" in question["word"]:
        return _FORGETS
    if question["escape"] == "`" and "%" in question["word"]:
        return "with `# escape=` BuildKit takes a pattern of `%` that ends with a backslash, and refuses one of `#`"
    return None


def questions(seed: int, files: int, operands: int) -> list[dict[str, Any]]:
    """Make random questions: `files` Dockerfiles and `operands` operands; equal seeds give equal questions."""
    rng = random.Random(seed)
    return [
        *({"dockerfile": mutated_file(rng)} for _ in range(files)),
        *(operand(rng) for _ in range(operands)),
    ]


def main(program: Path) -> None:
    """Write the table anew: the hand-written files, the corpus, and the random cases but most invalid ones."""
    written = [{"dockerfile": text} for text in (*written_files(), *(case.text() for case in cases()))]
    made = questions(1, 3000, 1500)
    answers = ask(program, [*written, *made])
    pairs = list(zip([*written, *made], answers, strict=True))
    kept = pairs[: len(written)]
    wrong = 0
    for question, answer in pairs[len(written) :]:
        wrong += "error" in answer
        if "error" not in answer or wrong % 8 == 0:
            kept.append((question, answer))
    about = "what the packages parser, instructions and shell of github.com/moby/buildkit v0.34.2 make of Dockerfiles"
    document = {"about": about, "cases": [[question, answer] for question, answer in kept]}
    raw = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    (FOLDER / "dockerfiles.json.gz").write_bytes(gzip.compress(raw, 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
