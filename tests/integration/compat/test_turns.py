"""shipmark 0.1.0 and this version record releases in one log in turns, and each continues the other's entries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo
from tests.support.releases.project import FILES

BUILD = "image: oci:dist/image\nproject: acme/app\nbuild: {builder: layers}\n"


class Turns:
    """A repository whose log is in `store`, and the programs of shipmark 0.1.0 and of this version."""

    def __init__(
        self, repo: GitRepo, store: str, request: pytest.FixtureRequest, programs: dict[str, Shipmark]
    ) -> None:
        self.repo = repo
        self._programs = programs
        self._env: dict[str, str] = {}
        log = ""
        if store == "git":
            bare = repo.clone(repo.path.with_name("remote.git"), "--bare").path
            repo.git("remote", "add", "origin", f"file://{bare}")
            log = "log: {store: git}\n"
        elif store != "file":
            self._env["LOG_URL"] = (
                f"sqlite:///{repo.path.with_name('log.db')}"
                if store == "sqlite"
                else request.getfixturevalue("postgres").database()
            )
            log = "log: {store: sql, url: '${LOG_URL}'}\n"
        repo.commit("start", {**FILES, "shipmark.yml": BUILD + log})

    def must(self, version: str, *args: str) -> Result:
        """Run a command of a version and require that it succeeds."""
        result = self._programs[version](*args, cwd=self.repo.path, env=self._env)
        assert result.code == 0, f"{version}: {args} exited {result.code}\n{result.stdout}\n{result.stderr}"
        return result

    def release(self, version: str, git_tag: str) -> None:
        self.repo.commit(git_tag, {"hello.txt": git_tag})
        self.repo.tag(git_tag)
        self.must(version, "run")


#: Who makes the log matters most where it has tables. In each row both append after the other.
ROWS = [
    ("file", "old"),
    ("file", "new"),
    ("git", "new"),
    ("sqlite", "old"),
    ("sqlite", "new"),
    ("postgresql", "old"),
]


@pytest.mark.parametrize(("store", "first"), ROWS)
def test_both_versions_append_in_turns_and_verify_the_log(
    store: str,
    first: str,
    git_repo: GitRepo,
    shipmark: Shipmark,
    old_shipmark: Shipmark,
    request: pytest.FixtureRequest,
) -> None:
    turns = Turns(git_repo, store, request, {"old": old_shipmark, "new": shipmark})
    second = "new" if first == "old" else "old"
    if store in ("sqlite", "postgresql"):
        turns.must(first, "log", "migrate")
    turns.release(first, "v1.4.0")
    turns.release(second, "v1.4.1")
    turns.release(first, "v1.4.2")
    turns.must(second, "rollback", "--to", "1.4.1", "--reason", "it eats data")
    told = [turns.must(version, "log", "verify").stdout for version in (first, second)]
    assert all("the chain is whole" in text for text in told)
    # Running the same release again records nothing new, whoever released it.
    turns.release(first, "v1.4.3")
    before = turns.must(first, "log", "list", "--json").json["releases"]
    turns.must(second, "run")
    after = turns.must(second, "log", "list", "--json").json["releases"]
    # Version 0.1.0 calls a version that was taken back `released` here.
    said = [(one["version"], one["digest"]) for one in after]
    assert said == [(one["version"], one["digest"]) for one in before]
    taken_back = "released" if second == "old" else "yanked"
    assert [(one["version"], one["state"]) for one in after] == [
        ("1.4.3", "released"),
        ("1.4.2", taken_back),
        ("1.4.1", "released"),
        ("1.4.0", "released"),
    ]


def test_the_old_program_is_version_0_1_0(old_shipmark: Shipmark, shipmark: Shipmark) -> None:
    assert old_shipmark("--version").stdout.split()[-1] == "0.1.0"
    python = Path(old_shipmark.argv[0])
    assert python != Path(shipmark.argv[0])
    assert os.access(python, os.X_OK)
