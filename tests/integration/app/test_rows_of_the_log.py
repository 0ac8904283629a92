"""Releases that end rightly although others came between, with the log in every store; the rest is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.effects.version_status import read_status
from release.log.fold import fold
from release.statements.version_status import artifact_of
from release.versions.status import STATUS_TAG, KnownStatus
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.stores import open_store
from tests.support.releases.model import Run
from tests.support.releases.model_machine import one_step_at_a_time
from tests.support.releases.model_world import IMAGE, Machine, Repository, Stored


class Scene:
    """One registry, and runners with a log in one store. `run` starts a release on a runner of its own."""

    def __init__(self, description: dict[str, Any], folder: Path) -> None:
        self._description = description
        self._folder = folder
        self.registry = Stored()
        self.runs: list[Run] = []
        self._stores: list[Any] = []
        folder.mkdir()

    def run(self, version: str) -> Run:
        machine: Any = Machine()
        machine.log = self._store()
        self.runs.append(Run(len(self.runs), version, machine, self.registry, str(self._folder)))
        return self.runs[-1]

    def release(self, version: str, code: int = 0) -> None:
        run = self.run(version)
        run.finish()
        assert run.code == code, run.error

    def _store(self) -> Any:
        self._stores.append(open_store(self._description))
        return self._stores[-1]

    def entries(self) -> list[Any]:
        return list(self._store().read())

    def tell(self, version: str, number: int, status: str) -> None:
        """Write a status to the registry, as somebody does whose log is another one."""
        document = read_status(Repository(IMAGE, self.registry, lambda what: None))
        known = KnownStatus(version=version, number=number, status=status, reason="it eats data")
        artifact = artifact_of(document.with_statuses([known]))
        self.registry.blobs.update({blob.digest: content for blob, content in artifact.blobs})
        self.registry.manifests[artifact.manifest.digest] = artifact.manifest
        self.registry.tags[STATUS_TAG] = artifact.manifest.digest

    def holds(self, **wanted: str) -> None:
        """Require which version `latest`, `v1` (tag `1`) and `v1_4` hold, in the registry and by the log."""
        state = fold(self.entries())
        for name, version in wanted.items():
            tag = name.removeprefix("v").replace("_", ".")
            assert self.registry.tags[tag] == self.registry.tags[version], tag
            assert state.holds[IMAGE, tag][-1].digest == self.registry.tags[tag], (
                f"the log is wrong about {tag}"
            )

    def close(self) -> None:
        for run in self.runs:
            if not run.ended:
                run.kill()
        for store in self._stores:
            getattr(store, "close", lambda: None)()


@pytest.fixture(scope="module", params=STORES)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Scene]]:
    """Give a function that makes a scene with an empty log."""
    made: list[Scene] = []

    def make() -> Scene:
        folder = tmp_path_factory.mktemp("scene")
        made.append(Scene(describe(request.param, request, folder), folder / "empty"))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def _in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    one_step_at_a_time(monkeypatch)


def test_release_that_was_overtaken_in_its_widest_tag_only_exits_0(scene: Callable[[], Scene]) -> None:
    on = scene()
    slow = on.run("1.4.2")
    slow.advance_to("put latest")
    on.release("2.0.0")
    slow.finish()
    assert slow.code == 0, slow.error
    on.holds(v1_4="1.4.2", v1="1.4.2", v2="2.0.0", latest="2.0.0")


def test_release_that_was_overtaken_between_its_last_tag_and_its_record_exits_0(
    scene: Callable[[], Scene],
) -> None:
    on = scene()
    slow = on.run("1.4.2")
    slow.advance_to("put latest")
    slow.advance_to("append")
    assert on.registry.tags["latest"] == on.registry.tags["1.4.2"]
    on.release("1.4.3")
    slow.finish()
    assert slow.code == 0, slow.error
    on.holds(v1_4="1.4.3", v1="1.4.3", latest="1.4.3")


def test_release_that_was_overtaken_by_one_that_was_killed_exits_0(scene: Callable[[], Scene]) -> None:
    """The killed one left tags that no record explains until it is run again."""
    on = scene()
    slow, killed = on.run("1.4.2"), on.run("1.4.3")
    slow.advance_to("put 1.4")
    killed.advance_to("put latest")
    killed.kill()
    slow.finish()
    assert slow.code == 0, slow.error
    on.release("1.4.3")
    on.holds(v1_4="1.4.3", v1="1.4.3", latest="1.4.3")


def test_version_that_somebody_else_took_back_is_refused_and_moves_nothing(
    scene: Callable[[], Scene],
) -> None:
    on = scene()
    for version in ("1.4.2", "1.5.0"):
        on.release(version)
    on.tell("1.5.0", 1, "yanked")
    on.registry.tags |= dict.fromkeys(("1", "latest"), on.registry.tags["1.4.2"])
    before = dict(on.registry.tags)
    on.release("1.5.0", code=6)
    assert on.registry.tags == before


def test_fix_of_a_version_that_somebody_else_took_back_gets_the_tags_and_the_log_learns_of_it(
    scene: Callable[[], Scene],
) -> None:
    on = scene()
    for version in ("1.4.2", "1.5.0", "2.0.0"):
        on.release(version)
    for version in ("1.5.0", "2.0.0"):
        on.tell(version, 1, "yanked")
    on.release("1.4.3")
    on.holds(v1_4="1.4.3", v1="1.4.3", latest="1.4.3")
    learned = [one.fields["versions"] for one in on.entries() if one.kind == "yanked"]
    assert sorted(version for versions in learned for version in versions) == ["1.5.0", "2.0.0"]


def test_version_that_somebody_else_restored_keeps_its_tags(scene: Callable[[], Scene]) -> None:
    on = scene()
    for version in ("1.4.2", "1.5.0"):
        on.release(version)
    on.tell("1.5.0", 1, "yanked")
    on.release("1.4.3")
    on.tell("1.5.0", 2, "restored")
    on.registry.tags |= dict.fromkeys(("1", "latest"), on.registry.tags["1.5.0"])
    on.release("1.4.4")
    assert {tag: on.registry.tags[tag] for tag in ("1", "latest")} == dict.fromkeys(
        ("1", "latest"), on.registry.tags["1.5.0"]
    )
    on.holds(v1_4="1.4.4")
    assert [one.fields["number"] for one in on.entries() if one.kind == "restored"] == [2]
