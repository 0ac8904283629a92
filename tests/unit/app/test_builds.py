"""The choice of builders before a plan is made: which are prepared, with which values, and that builds are closed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from release.app.obtain.builds import Builds
from release.build import BuildTask, BuildValues, BuiltImage, Prepared, Problem
from release.build.auto import Choice
from release.build_spec import BuildSpec
from release.errors import BuilderUnavailable, ConfigError, RefusedError, ReleaseError, Terminated
from release.plan.release_input import ReleaseInput
from tests.support.releases.subjects import DECISION, EVERYWHERE, holds, subject

AUTO = BuildSpec(args={"VERSION": "v{{version}}", "TOKEN": "${NPM_TOKEN}"})
LACKS = Problem(kind="lacks", reason="a `RUN`", hint="x")
ENV = {"NPM_TOKEN": "hunter2"}


class Recorder:
    """A builder that accepts every build, or answers with `failure`.

    `asked`: the builds that it was asked for. `closed`: how many prepared builds were closed.
    """

    def __init__(self, name: str = "layers", failure: Problem | ReleaseError | None = None) -> None:
        self.name = name
        self.builder = name
        self.makes_index = True
        self.failure = failure
        self.asked: list[tuple[BuildTask, BuildValues]] = []
        self.closed = 0

    def prepare(self, task: BuildTask, values: BuildValues) -> Prepared | Problem:
        self.asked.append((task, values))
        if isinstance(self.failure, ReleaseError):
            raise self.failure
        return self.failure or self

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        raise AssertionError("nothing is built while a plan is made")

    def close(self) -> None:
        self.closed += 1


def asked(
    builds: Builds, subjects: list[ReleaseInput], *builders: Recorder, env: dict[str, str] | None = None
) -> tuple[ReleaseInput, ...]:
    table = {builder.name: builder for builder in builders}
    return builds.ask(table, subjects, root="/repository", env=ENV if env is None else env)


def test_builder_gets_the_build_task_and_the_argument_values() -> None:
    layers = Recorder()
    decision = msgspec.structs.replace(DECISION, annotations={"team": "a"})
    with Builds() as builds:
        asked(builds, [subject(build=AUTO, decision=decision)], layers)
    ((task, values),) = layers.asked
    assert (task.spec, task.root, task.created) == (AUTO, "/repository", 1_700_000_000)
    assert (task.labels, task.annotations) == (DECISION.labels, {"team": "a"})
    assert values.args == {"VERSION": "v1.4.2", "TOKEN": "hunter2"}
    assert "hunter2" not in repr(layers.asked)


def test_release_input_names_the_builder_only_if_auto_chose_it() -> None:
    layers = Recorder()
    with Builds() as builds:
        taken, named = asked(
            builds, [subject(build=AUTO), subject(component="web", build=BuildSpec(builder="layers"))], layers
        )
        assert (taken.builder, named.builder) == ("layers", None)
        assert {name: type(answer) for name, answer in builds.prepared.items()} == {
            "app": Choice,
            "web": Choice,
        }
        assert layers.closed == 0
    assert layers.closed == 2


def test_no_builder_is_prepared_for_an_image_that_exists() -> None:
    layers = Recorder()
    with Builds() as builds:
        asked(builds, [subject(held=holds(EVERYWHERE))], layers)
        assert builds.prepared == {}
    assert layers.asked == []


def test_no_build_is_prepared_without_a_table_of_builders(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    whole = [subject(build=AUTO)]
    with Builds() as builds:
        assert builds.ask(None, whole, root=str(tmp_path), env=ENV) == tuple(whole)
        assert builds.prepared == {}


def test_missing_dockerfile_is_reported_without_a_table_of_builders(tmp_path: Path) -> None:
    with Builds() as builds:
        builds.ask(None, [subject(build=AUTO)], root=str(tmp_path), env=ENV)
        assert "there is no Dockerfile" in str(builds.prepared["app"])


@pytest.mark.parametrize("held", [{}, EVERYWHERE])
def test_unset_variable_in_a_build_argument_is_an_error_even_if_nothing_is_built(
    held: dict[str, str],
) -> None:
    layers = Recorder()
    with Builds() as builds, pytest.raises(ConfigError, match="NPM_TOKEN"):
        asked(builds, [subject(build=AUTO, held=holds(held))], layers, env={})
    assert layers.asked == []


@pytest.mark.parametrize(
    ("spec", "failure", "kind", "hint"),
    [
        (
            BuildSpec(builder="layers"),
            Problem(kind="lacks", reason="a `RUN`", hint="x"),
            BuilderUnavailable,
            "x",
        ),
        (BuildSpec(), Problem(kind="lacks", reason="a `RUN`", hint="x"), BuilderUnavailable, "x"),
        (BuildSpec(builder="layers"), RefusedError("a symlink", hint="x"), RefusedError, "x"),
    ],
)
def test_error_of_a_builder_is_kept_for_the_check_step(
    spec: BuildSpec, failure: Problem | ReleaseError, kind: type[ReleaseError], hint: str
) -> None:
    with Builds() as builds:
        (kept,) = asked(builds, [subject(build=spec)], Recorder(failure=failure))
        answer = builds.prepared["app"]
        assert kept.builder is None
        assert isinstance(answer, kind)
        assert str(answer.hint).startswith(hint)


def test_error_of_a_named_builder_hints_at_auto_if_another_builder_can_build() -> None:
    layers = Recorder(failure=Problem(kind="lacks", reason="a `RUN`", hint="x"))
    with Builds() as builds:
        asked(builds, [subject(build=BuildSpec(builder="layers"))], layers, Recorder("docker"))
        answer = builds.prepared["app"]
        assert isinstance(answer, BuilderUnavailable)
        assert str(answer.hint).startswith("`builder: auto` takes")


def test_signal_while_a_builder_prepares_closes_the_builds_prepared_before() -> None:
    layers, docker = Recorder(), Recorder("docker", Terminated("terminated"))
    web = subject(component="web", build=BuildSpec(builder="docker"))
    with pytest.raises(Terminated), Builds() as builds:
        asked(builds, [subject(), web], layers, docker)
    assert layers.closed == 1
