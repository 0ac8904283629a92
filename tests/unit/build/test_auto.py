from __future__ import annotations

from pathlib import Path

import pytest

from release.build import BuildRequest, BuiltImage
from release.build.auto import AutoBuilder, builders
from release.control import Cancel
from release.errors import BuildError, BuilderUnavailable
from release.events import Event, Note, NullSink


class Fixed:
    """A builder with a given answer."""

    def __init__(self, name: str, reason: str | None) -> None:
        self.name = name
        self._reason = reason

    def unavailable(self, request: BuildRequest) -> str | None:
        return self._reason

    def build(self, request: BuildRequest, store: str) -> BuiltImage:
        return BuiltImage(digest=self.name, media_type="", size=0)


class Collect:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def request(folder: Path) -> BuildRequest:
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return BuildRequest(context=str(folder), dockerfile=str(folder / "Dockerfile"), root=str(folder))


@pytest.mark.parametrize(
    ("docker", "layers", "chosen"),
    [(None, None, "docker"), (None, "RUN", "docker"), ("down", None, "layers")],
)
def test_docker_comes_first_and_layers_where_it_can(
    tmp_path: Path, docker: str | None, layers: str | None, chosen: str
) -> None:
    sink = Collect()
    auto = AutoBuilder(Fixed("docker", docker), Fixed("layers", layers), sink=sink)
    assert auto.unavailable(request(tmp_path)) is None
    assert auto.build(request(tmp_path), "store").digest == chosen
    assert sink.events == [Note(level="info", text=f"building with `{chosen}`")]


def test_both_reasons_are_told_when_neither_can(tmp_path: Path) -> None:
    auto = AutoBuilder(Fixed("docker", "it is down"), Fixed("layers", "a `RUN`"), sink=NullSink())
    message = "no builder can make this image: `docker`: it is down; `layers`: a `RUN`"
    assert auto.unavailable(request(tmp_path)) == message
    with pytest.raises(BuilderUnavailable) as caught:
        auto.build(request(tmp_path), "store")
    assert str(caught.value) == message
    assert str(caught.value.hint).startswith("start a docker daemon")


def test_what_is_wrong_with_the_input_is_said_first(tmp_path: Path) -> None:
    asked = BuildRequest(context=str(tmp_path), dockerfile=str(tmp_path / "Dockerfile"), root=str(tmp_path))
    auto = AutoBuilder(Fixed("docker", "down"), Fixed("layers", "no"), sink=NullSink())
    with pytest.raises(BuildError, match="there is no Dockerfile at"):
        auto.build(asked, "store")


def test_the_table_has_every_builder_by_its_name() -> None:
    table = builders({}, sink=NullSink(), cancel=Cancel(), version="1")
    assert {name: each.name for name, each in table.items()} == {
        "auto": "auto",
        "docker": "docker",
        "layers": "layers",
    }
