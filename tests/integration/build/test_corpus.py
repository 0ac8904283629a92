"""A sample of the corpus of Dockerfiles: builders make BuildKit's image, and `preview` exits as `run` does.

The whole corpus: `tests/soak/soak_corpus.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpus import CONTEXT, Case, cases
from tests.support.corpus_ground import CorpusGround, corpus_ground
from tests.support.releases.project import Project
from tests.support.services.buildah import env_of
from tests.support.services.buildkit import BuildKitDaemon

#: Name -> the builders besides `buildkit` that can build it.
SAMPLE = {
    "12-rust": {"buildah"},  # a cache mount
    "f04-stages": {"docker", "layers"},
    "f09-spaces-and-json": {"docker", "buildah", "layers"},
}
#: Builder of the configuration -> cases that it cannot build.
REFUSED = {"docker": "26-shell", "buildah": "f04-stages", "layers": "24-ruby"}


@pytest.fixture(scope="module")
def ground(
    tmp_path_factory: pytest.TempPathFactory, buildkit: BuildKitDaemon, dockerfile_syntax: str
) -> Iterator[CorpusGround]:
    del dockerfile_syntax  # cases name it
    with corpus_ground(tmp_path_factory.mktemp("corpus"), buildkit) as made:
        yield made


def case_of(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


@pytest.mark.parametrize("name", SAMPLE)
def test_builders_make_the_image_that_buildkit_makes_of_a_corpus_dockerfile(
    name: str, ground: CorpusGround
) -> None:
    found = ground.compare(case_of(name))
    assert found == {builder: [] for builder in ("buildkit", *SAMPLE[name])}


@pytest.mark.parametrize("builder", ["auto", *REFUSED])
def test_preview_exits_as_run_does_for_corpus_dockerfiles(
    builder: str, make_project: Callable[..., Project], ground: CorpusGround, tmp_path: Path
) -> None:
    project = make_project(build={"builder": builder, "files": "tracked"})
    buildah: dict[str, Any] = dict(env_of("buildah", ground.hub.host, tmp_path / "buildah"))
    chosen = {
        name: buildah[name]
        for name in ("SHIPMARK_BUILDAH", "CONTAINERS_REGISTRIES_CONF", "BUILDAH_ISOLATION")
    }
    env = {"DOCKER_HOST": ground.docker_daemon.host, **chosen}
    files = {
        str(path.relative_to(CONTEXT)): path.read_bytes() for path in CONTEXT.rglob("*") if path.is_file()
    }
    names = ["f09-spaces-and-json", *([REFUSED[builder]] if builder in REFUSED else ["26-shell"])]
    for number, name in enumerate(names):
        text = case_of(name).text(ground.values).encode()
        project.release_commit(f"v1.5.{number}", files={**files, "Dockerfile": text})
        preview, run = project("preview", env=env), project("run", env=env)
        assert preview.code == run.code == (4 if number and builder in REFUSED else 0), (
            preview.stderr,
            run.stderr,
        )
