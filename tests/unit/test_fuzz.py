"""Feeds damaged input to the parsers of files, events and git's output (see `tests/support/fuzzing.py`)."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ci.systems import detect
from release.build.embedded.archives import BuildFiles
from release.compression.entries import HostFile
from release.control import Cancel
from release.docker.saved_images import store_archive
from release.errors import ReleaseError
from release.facts import reconcile
from release.git.command import Git
from release.git.history import history
from release.git.remote import relation, remote_refs
from release.git.snapshot import snapshot
from release.layout.layout import Layout
from release.ports import Completed
from release.programs.processes import Processes
from tests.support.fuzzing import COUNT, Parser, damaged, fuzz
from tests.support.own_parsers import NOW, PARSERS, SHA
from tests.support.registries.images import make_tar
from tests.support.releases.git import GitRepo


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_damaged_input_is_parsed_or_refused(parser: Parser) -> None:
    fuzz(parser)


def test_a_damaged_archive_in_the_context_is_parsed_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.tar"

    def unpack(raw: bytes) -> None:
        path.write_bytes(raw)
        with BuildFiles(str(tmp_path / "spool"), check=lambda: None) as files:
            files.unpack(HostFile(path=str(path), size=len(raw)), "some.tar")

    seeds = (make_tar({"a": b"1" * 700, "b" * 120: b"2"}),)
    fuzz(Parser("archive", unpack, seeds, (b"path=", b"x", b"L", b"0000")), COUNT // 4)


def test_a_damaged_export_of_the_daemon_is_parsed_or_refused(tmp_path: Path) -> None:
    layer = make_tar({"a": b"1"})
    digest = hashlib.sha256(layer).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs})
    name = f"{hashlib.sha256(config.encode()).hexdigest()}.json"
    entries = json.dumps([{"Config": name, "RepoTags": None, "Layers": [f"{'a' * 64}/layer.tar"]}])
    export = make_tar(
        {f"{'a' * 64}/layer.tar": layer, name: config.encode(), "manifest.json": entries.encode()}
    )
    layout = Layout.create(str(tmp_path / "store"))
    parser = Parser(
        "export", lambda raw: store_archive(io.BytesIO(raw), layout), (export,), (b"manifest.json", b"0000")
    )
    fuzz(parser, COUNT // 20)


class _Replay:
    """Stand-in for `Process` that replays recorded outputs of git, one of which is damaged."""

    def __init__(self, answers: Mapping[tuple[str, ...], Completed]) -> None:
        self.answers = dict(answers)

    def run(self, argv: Sequence[str], **_: Any) -> Completed:
        return self.answers.get(tuple(argv), Completed(code=1, stdout=b"", stderr=b"fatal: not recorded"))


class _Recorder:
    def __init__(self) -> None:
        self._real = Processes(Cancel())
        self.answers: dict[tuple[str, ...], Completed] = {}

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        done = self._real.run(argv, **options)
        self.answers[tuple(argv)] = done
        return done


def test_a_damaged_output_of_git_is_parsed_or_refused(git_repo: GitRepo) -> None:
    for version in ("v1.0.0", "v1.1.0", "v1.2.0-rc.1"):
        git_repo.commit(f"feat: {version}", files={f"{version} é.txt": version})
        git_repo.tag(version)
    git_repo.commit("fix: a\n\nBREAKING CHANGE: b", files={"a": "1"})
    git_repo.write({"untracked \n": "x", "a": "changed"})
    git_repo.git("remote", "add", "origin", str(git_repo.path))
    root, env = str(git_repo.path), git_repo.env

    def ask(process: Any) -> None:
        taken = snapshot(process, root, env=env)
        reconcile(taken, detect({}, None), NOW)
        history(Git(process, root, env), taken, "")
        remote_refs(process, root, env, "origin")
        relation(Git(process, root, env), SHA, taken.head)

    recorder = _Recorder()
    ask(recorder)
    asked = list(recorder.answers)
    chance = random.Random(20)
    inputs = damaged(
        tuple(done.stdout for done in recorder.answers.values()), COUNT // 4, (b"\0", b"refs/", b"1 .M ")
    )
    for raw in inputs:
        argv = chance.choice(asked)
        replay = _Replay(recorder.answers)
        replay.answers[argv] = Completed(code=0, stdout=raw, stderr=b"")
        try:
            ask(replay)
        except ReleaseError:
            pass
        except Exception as error:
            raise AssertionError(f"{argv}: {raw!r}") from error
