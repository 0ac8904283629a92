"""Builds every case of the corpus with `buildkit`, `docker`, `buildah` and `layers`, and compares files and settings.

`tests/conformance/corpus/exceptions.json` lists where they may differ. It was committed before the first comparison.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.corpus import Case, cases
from tests.support.corpus_ground import CorpusGround, corpus_ground, exceptions
from tests.support.services.buildkit import BuildKitDaemon

_SEEN: dict[str, dict[str, list[str]]] = {}


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, buildkit: BuildKitDaemon, dockerfile_syntax: str
) -> Iterator[CorpusGround]:
    del dockerfile_syntax  # cases name it
    with corpus_ground(tmp_path_factory.mktemp("corpus"), buildkit) as made:
        yield made
    for name in ("buildkit", "docker", "buildah", "layers"):
        built = [case for case, found in _SEEN.items() if name in found]
        equal = [case for case in built if not _SEEN[case][name]]
        print(f"{name}: {len(built)} built, {len(equal)} equal to buildkit's")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_builders_make_the_image_that_buildkit_makes_of_each_corpus_dockerfile(
    case: Case, ground: CorpusGround
) -> None:
    found = _SEEN[case.name] = ground.compare(case)
    assert found["buildkit"] == []
    excused = exceptions()
    wrong = {name: lines for name, lines in found.items() if lines and (case.name, name) not in excused}
    assert wrong == {}


def test_exceptions_name_existing_cases_of_the_corpus_and_are_at_most_5_percent() -> None:
    excused = {name for name, _ in exceptions()}
    assert excused <= {case.name for case in cases()}
    assert len(excused) <= len(cases()) * 0.05
