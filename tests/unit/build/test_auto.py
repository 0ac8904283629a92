from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from release.build import Builder, BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.auto import Choice, builders, choose, order_of
from release.build.task_input import require_options
from release.build_spec import BuildSpec
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable
from release.events import NullSink
from release.programs.processes import Processes
from tests.support.releases.builds import build_of, problem

DOWN = Problem(kind="unavailable", reason="it is down", hint="start it")
RUN = Problem(kind="lacks", reason="a `RUN`")
WRONG = Problem(kind="input", reason="there is no Dockerfile", hint="write one")


class Fixed:
    """A builder whose `prepare` always returns the given answer. `asked`: how often."""

    def __init__(self, name: str, answer: Problem | None) -> None:
        self.name = name
        self.builder = name
        self.makes_index = True
        self.asked = 0
        self._answer = answer

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        self.asked += 1
        return self._answer or self

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        return BuiltImage(digest=self.name, media_type="", size=0)

    def close(self) -> None:
        raise AssertionError("what was chosen is still needed")


def chosen(*builders: Fixed) -> Choice | Problem:
    return choose(builders, *build_of(Path("/nowhere")))


@pytest.mark.parametrize(
    ("docker", "layers", "taken", "passed_over"),
    [
        (None, None, "docker", ()),
        (None, RUN, "docker", ()),
        (DOWN, None, "layers", (("docker", DOWN),)),
        (RUN, None, "layers", (("docker", RUN),)),
    ],
)
def test_auto_takes_the_first_builder_that_can_build_and_names_those_passed_over(
    docker: Problem | None, layers: Problem | None, taken: str, passed_over: tuple[tuple[str, Problem], ...]
) -> None:
    choice = chosen(Fixed("docker", docker), Fixed("layers", layers))
    assert isinstance(choice, Choice)
    assert (choice.prepared.builder, choice.passed_over) == (taken, passed_over)
    assert choice.prepared.build("store").digest == taken


def table_of(env: Mapping[str, str]) -> Mapping[str, Builder]:
    cancel = Cancel()
    process = Processes(cancel)
    return builders(env, process=process, last=process, sink=NullSink(), cancel=cancel, version="1")


def test_the_problem_has_the_reason_of_every_builder_if_no_builder_can_build() -> None:
    refused = chosen(Fixed("docker", DOWN), Fixed("layers", RUN))
    assert isinstance(refused, Problem)
    assert refused.kind == "lacks"
    error = refused.error()
    assert isinstance(error, BuilderUnavailable)
    assert str(error) == "no builder can make this image: `docker`: it is down; `layers`: a `RUN`"
    assert str(error.hint).startswith("install buildx")


def test_the_problem_of_a_named_builder_is_returned_unchanged() -> None:
    assert chosen(Fixed("docker", DOWN)) == DOWN
    assert str(DOWN.error("take another").hint) == "take another"


def test_a_problem_of_the_input_ends_the_search_for_a_builder() -> None:
    second = Fixed("layers", None)
    refused = chosen(Fixed("docker", WRONG), second)
    assert refused == WRONG
    assert second.asked == 0
    error = WRONG.error("take another")
    assert (type(error), str(error), error.hint) == (BuildError, "there is no Dockerfile", "write one")


def test_each_builder_is_prepared_once() -> None:
    asked = [Fixed("docker", DOWN), Fixed("layers", None)]
    chosen(*asked)
    assert [builder.asked for builder in asked] == [1, 1]


@pytest.mark.parametrize(
    ("files", "options", "reason"),
    [
        ({}, {}, "there is no Dockerfile at `{root}/Dockerfile`"),
        (
            {"Dockerfile": "FROM scratch\n"},
            {"context": "none"},
            "the build context `{root}/none` is not a folder",
        ),
        ({"Dockerfile": "FROM scratch\nNONSENSE\n"}, {}, "Dockerfile:2: "),
        ({"Dockerfile": "FROM scratch AS a\n"}, {"target": "b"}, "`Dockerfile` has no stage `b`"),
        (
            {"Dockerfile": "FROM scratch\n"},
            {"platforms": ("linux/amd65",)},
            "`linux/amd65` is not a platform: ",
        ),
    ],
)
def test_every_builder_reports_wrong_input_before_its_own_unavailability(
    tmp_path: Path, files: dict[str, str], options: dict[str, Any], reason: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    env = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    for builder in table_of(env).values():
        found = problem(builder, build_of(tmp_path, **options))
        assert found is not None
        assert found.kind == "input"
        assert found.reason.startswith(reason.format(root=tmp_path))


def test_an_option_that_a_builder_does_not_support_is_refused() -> None:
    require_options(
        BuildSpec(target="a", compression="zstd", contexts={"a": "b"}, push="by-client"), "layers"
    )
    with pytest.raises(BuildError) as caught:
        require_options(BuildSpec(target="a", secrets=("id=x,env=X",)), "layers")
    assert str(caught.value) == "the builder `layers` does not support the option `build: {secrets: …}`"
    assert (caught.value.hint or "").endswith("supports it: `buildkit` or `buildah` or `podman`")


def test_preparing_a_build_by_layers_writes_nothing_into_the_context(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    (builder,) = order_of("layers", table_of({}))
    assert problem(builder, build_of(tmp_path)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["Dockerfile"]


def test_auto_tries_every_builder_and_a_builders_name_only_that_builder() -> None:
    table = table_of({})
    assert [builder.name for builder in order_of("auto", table)] == [
        "buildkit",
        "docker",
        "buildah",
        "podman",
        "layers",
    ]
    assert [builder.name for builder in order_of("layers", table)] == ["layers"]


def test_every_builder_of_the_configuration_is_in_the_table() -> None:
    names = BuildSpec.__annotations__["builder"].__args__[0].__args__
    assert set(names) == {"auto", *table_of({})}


def test_the_repr_of_build_values_shows_names_but_no_values() -> None:
    assert "hunter2" not in repr(BuildValues(args={"TOKEN": "hunter2"}))
    assert "TOKEN" in repr(BuildValues(args={"TOKEN": "hunter2"}))
