"""Reading a device, a pipe, a folder or a huge file is refused at once, with the path and exit code 2, 4 or 6."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _socket(path: Path) -> None:
    # A socket's address has at most 107 bytes: bound by its name in the folder.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "device": (_device, "is not a regular file, but a device"),
    "pipe": (lambda path: os.mkfifo(path), "is not a regular file, but a pipe"),
    "folder": (lambda path: path.mkdir(), "is not a regular file, but a folder"),
    "loop": (_loop, "is not a regular file, but a symlink that leads in a circle"),
    "socket": (_socket, "is not a regular file, but a socket"),
    "sparse": (_sparse, "is larger than"),
}

#: Place -> file, the command that reads it, and the variable that names the file.
PLACES: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "config": ("shipmark.yml", ("tags",), None),
    "--config": ("other.yml", ("--config", "other.yml", "config", "check"), None),
    "event file": ("event.json", ("ci",), "GITHUB_EVENT_PATH"),
    "event file of metadata": ("event.json", ("metadata", "--images", "ghcr.io/acme/app"), "GITHUB_EVENT_PATH"),
    "Dockerfile": ("Dockerfile", ("run", "--image", "oci:dist"), None),
    "ignore file": (".dockerignore", ("run", "--image", "oci:dist"), None),
    "plan": ("plan.json", ("run", "--plan", "plan.json", "--image", "oci:dist"), None),
    "parked facts": ("facts.jsonl", ("log", "import", "facts.jsonl"), None),
    "layout": ("index.json", ("image", "list", "oci:."), None),
    "folder image": ("manifest.json", ("image", "inspect", "dir:."), None),
    "archive": ("image.tar", ("image", "inspect", "docker-archive:image.tar"), None),
}  # fmt: skip


def read(repo: GitRepo, shipmark: Shipmark, place: str, make: Callable[[Path], None]) -> tuple[Result, str]:
    repo.commit(files={"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1", ".gitignore": "*\n"})
    name, argv, variable = PLACES[place]
    path = repo.path / name
    path.unlink(missing_ok=True)
    make(path)
    env = {"GITHUB_ACTIONS": "true", variable: str(path)} if variable else {}
    return shipmark(*argv, cwd=repo.path, env=env, timeout=60), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_that_is_not_a_regular_file_or_too_large_is_refused(
    git_repo: GitRepo, shipmark: Shipmark, kind: str
) -> None:
    make, message = KINDS[kind]
    done, name = read(git_repo, shipmark, "config", make)
    assert (done.code, done.stdout) == (2, "")
    assert f"{name}` {message}" in done.stderr
    assert "hint:" in done.stderr


@pytest.mark.parametrize("place", [place for place in PLACES if place != "config"])
def test_a_named_pipe_in_place_of_a_file_is_refused_by_every_command_that_reads_it(
    git_repo: GitRepo, shipmark: Shipmark, place: str
) -> None:
    done, name = read(git_repo, shipmark, place, lambda path: os.mkfifo(path))
    # A pipe in an image's folder was prepared, and is refused as a symlink there is.
    codes = {"layout": 6, "folder image": 6, "Dockerfile": 4, "ignore file": 4}
    assert done.code == codes.get(place, 2), done.stderr
    assert f"{name}` is not a regular file" in done.stderr
    assert "hint:" in done.stderr
