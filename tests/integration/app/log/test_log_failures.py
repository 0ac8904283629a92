"""Runs whose version log cannot be written: they stop before anything is visible, or lose no fact afterwards."""

from __future__ import annotations

import errno
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from release.app.releases.unrecorded import _cure, keep
from release.errors import LogError, PartialError, RegistryError
from tests.support.disks.confined import filled, mounted_disk
from tests.support.programs.command import Result
from tests.support.registries.gate import Gate, Passage
from tests.support.releases.project import Project

RELEASE = {"1.4.2", "1.4", "1", "latest"}


@pytest.fixture
def guarded(make_project: Callable[..., Project], gate: Gate) -> Project:
    """Give a project whose registry is behind the gate, ready to release v1.4.2."""
    project = make_project(image=f"{gate.host}/acme/app", project="acme/app")
    project.release_commit("v1.4.2")
    return project


class Log:
    """The log of a project, which a test may make unwritable and mend again."""

    def __init__(self, project: Project) -> None:
        self._folder = project.repo.path / ".shipmark"
        self._lock = self._folder / "log.jsonl.lock"
        self._away = self._folder.with_name(".shipmark-away")

    def break_lock(self) -> None:
        """Make appends to the log fail, and leave the folder writable."""
        self._lock.unlink()
        self._lock.mkdir()

    def break_folder(self) -> None:
        """Remove the folder `.shipmark`, and make it impossible to create."""
        self._folder.rename(self._away)
        self._folder.write_text("in the way")

    def mend(self) -> None:
        if self._away.exists():
            self._folder.unlink()
            self._away.rename(self._folder)
        else:
            self._lock.rmdir()


def breaks_at(gate: Gate, tag: str, damage: Callable[[], None]) -> None:
    """Call `damage` after the registry has stored `tag`, and before its answer reaches the run."""
    done: list[Passage] = []

    def watch(passage: Passage) -> bool:
        if passage.method == "PUT" and passage.path.endswith(f"/manifests/{tag}") and not done:
            done.append(passage)
            damage()
        return True

    gate.after = watch


def kept_file(result: Result, project: Project) -> Path:
    """Return the path of the file with unrecorded facts that the error names."""
    error = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    name = next(word for word in error.split("`") if word.endswith(".jsonl") and "unrecorded-" in word)
    return project.repo.path / name


def test_a_log_that_cannot_be_written_stops_the_run_before_anything_is_visible(guarded: Project) -> None:
    folder = guarded.repo.path / ".shipmark"
    (folder / "log.jsonl.lock").mkdir(parents=True)
    result = guarded("run")
    assert result.code == 6, result.stderr
    assert "version log" in result.stderr
    assert "hint: " in result.stderr
    assert guarded.tags == {}
    methods = {request.method for request in guarded.registry.access_log()}
    assert not [
        request
        for request in guarded.registry.access_log()
        if "manifests" in request.path and request.method == "PUT"
    ], methods
    assert not list(folder.glob("unrecorded-*"))


@pytest.mark.parametrize(("how", "tag"), [("break_lock", "latest"), ("break_folder", "1.4.2")])
def test_release_keeps_unrecorded_facts_in_a_file_that_log_import_accepts(
    guarded: Project, gate: Gate, tmp_path: Path, how: str, tag: str
) -> None:
    log = Log(guarded)
    breaks_at(gate, tag, getattr(log, how))
    summary = tmp_path / "summary.md"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    env = {
        "TMPDIR": str(temporary),
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_SHA": guarded.repo.head,
        "GITHUB_REF": "refs/tags/v1.4.2",
        "GITHUB_REPOSITORY": "acme/app",
    }
    result = guarded("run", env=env)
    assert result.code == 7, result.stderr
    assert tag in guarded.tags
    kept = kept_file(result, guarded)
    assert kept.exists()
    assert "shipmark log import" in result.stderr
    assert kept.name in summary.read_text()
    if how == "break_folder":
        assert kept.parent == temporary
    facts = [json.loads(line)["fact"] for line in kept.read_text().splitlines()]
    assert [fact["kind"] for fact in facts] == ["pushed" if tag == "1.4.2" else "moved", "failed"]

    log.mend()
    before = guarded.kinds()
    assert facts[0]["kind"] not in before
    imported = guarded.must("log", "import", str(kept), "--json").json
    assert imported["added"] == 2
    assert guarded.kinds() == [*before, *(fact["kind"] for fact in facts)]
    assert guarded.must("log", "import", str(kept), "--json").json["added"] == 0
    guarded.must("log", "verify")
    guarded.must("run")
    assert {guarded.tags[name] for name in RELEASE} == {guarded.tags["1.4.2"]}
    for kind in ("built", "pushed", "released", "moved"):
        assert guarded.kinds().count(kind) == 1, guarded.kinds()


def test_release_whose_git_log_meets_a_full_disk_exits_7_keeps_its_facts_and_is_finished_by_the_next_run(
    make_project: Callable[..., Project], gate: Gate, tmp_path: Path
) -> None:
    guarded = make_project(image=f"{gate.host}/acme/app", project="acme/app", log={"store": "git"})
    guarded.release_commit("v1.4.2")
    bare = guarded.repo.clone(tmp_path / "origin.git", "--bare").path
    guarded.repo.git("remote", "add", "origin", f"file://{bare}")
    with mounted_disk(tmp_path / "small", 4 << 20) as disk, ExitStack() as full:
        env = {"SHIPMARK_CACHE_DIR": str(disk.path / "cache")}
        breaks_at(gate, "1.4.2", lambda: full.enter_context(filled(disk)))
        result = guarded("run", env=env)
        assert result.code == 7, result.stderr
        assert "No space left on device" in result.stderr
        assert "hint: make room on the disk with the cache folder" in result.stderr
        assert "`shipmark log import FILE` appends it then, too" in result.stderr
        kinds = [
            json.loads(line)["fact"]["kind"] for line in kept_file(result, guarded).read_text().splitlines()
        ]
        assert kinds == ["pushed", "failed"]
        full.close()
        guarded.must("run", env=env)
        assert {guarded.tags[name] for name in RELEASE} == {guarded.tags["1.4.2"]}
        guarded.must("log", "verify", "--registry", env=env)


def test_unrecorded_facts_find_a_place_where_no_folder_for_temporary_files_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    session: Any = SimpleNamespace(root=str(tmp_path), directory=str(tmp_path), sink=told)

    def none_usable() -> str:
        # What `tempfile` raises on a full disk: it tries to write a file.
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    assert keep(session, [{"kind": "pushed"}], "a") == ".shipmark/unrecorded-a.jsonl"
    assert keep(session, [{"kind": "pushed"}], "a") == "the lines above"
    assert '"kind": "pushed"' in told.lines[-1]


def test_hint_of_unrecorded_facts_is_that_of_the_log_even_if_it_does_not_answer_in_time() -> None:
    log = LogError("the log", hint="make room")
    partial = PartialError("visible", hint=log.hint)
    partial.__cause__ = log
    assert _cure(partial) == "make room"
    partial.__cause__ = RegistryError("something else", hint="make room")
    assert _cure(partial) is None


class Told:
    """A sink that keeps the lines of notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def emit(self, event: Any) -> None:
        self.lines.append(event.text)


def test_running_a_release_again_without_importing_its_unrecorded_facts_records_it(
    guarded: Project, gate: Gate
) -> None:
    log = Log(guarded)
    breaks_at(gate, "1.4.2", log.break_lock)
    result = guarded("run")
    assert result.code == 7
    log.mend()
    guarded.must("run")
    assert {guarded.tags[name] for name in RELEASE} == {guarded.tags["1.4.2"]}
    before = guarded.kinds()
    assert (
        guarded.must("log", "import", str(kept_file(result, guarded)), "--json").json["added"] == 1
    )  # `failed`
    assert guarded.kinds()[:-1] == before
    listed = guarded.must("log", "list", "--json").json["releases"]
    assert [one["state"] for one in listed] == ["released"]


@pytest.mark.parametrize(
    "text", ["no json\n", "[]\n", '{"schema": "other/1", "fact": {}}\n', '{"fact": 1}\n']
)
def test_log_import_refuses_a_malformed_file_and_names_the_line(guarded: Project, text: str) -> None:
    (guarded.repo.path / "dist").mkdir()
    (guarded.repo.path / "dist/facts.jsonl").write_text(text)
    result = guarded("log", "import", "dist/facts.jsonl")
    assert result.code == 2
    assert "dist/facts.jsonl:1" in result.stderr
    assert "hint: " in result.stderr
    assert guarded.kinds() == []
