"""Pushes by digest: the private folder with the credential, the metadata file, and messages of failed pushes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release.build import BuildValues
from release.build.buildkit.progress import BuildProgress
from release.build.buildkit.push import Login, NotPushed, obstacle, read_metadata, require_pushed, write_login
from release.build.buildkit.tools import Tool
from release.build.task_input import read_input
from release.events import NullSink
from tests.support.releases.builds import build_of

FAILED_RUN = json.dumps(
    {"vertexes": [{"digest": "d", "name": "[2/2] RUN x", "started": "t", "completed": "t", "error": "e"}]}
)
DIGEST = "sha256:" + "a" * 64


def test_login_folder_is_private_and_has_the_credential_and_the_state_of_buildx(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "buildx").mkdir(parents=True)
    (own / "config.json").write_text("{}")
    login = Login(content=b'{"auths": {}}', secrets=("sesame",))
    variables = write_login(str(tmp_path / "login"), login, {"DOCKER_CONFIG": str(own)})
    folder = tmp_path / "login"
    assert variables == {"DOCKER_CONFIG": str(folder), "BUILDX_CONFIG": str(own / "buildx")}
    assert sorted(path.name for path in folder.iterdir()) == ["buildx", "config.json"]
    assert (folder / "config.json").read_bytes() == login.content
    assert (folder.stat().st_mode & 0o777, (folder / "config.json").stat().st_mode & 0o777) == (0o700, 0o600)
    assert "sesame" not in repr(login)


def test_login_folder_without_a_home_folder_has_only_the_credential(tmp_path: Path) -> None:
    variables = write_login(str(tmp_path / "login"), Login(content=b"{}"), {})
    assert variables == {"DOCKER_CONFIG": str(tmp_path / "login")}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"containerimage.digest": 1}', '{"containerimage.digest": "../a"}', "{" * 5000],
)
def test_a_metadata_file_without_a_digest_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(content)
    with pytest.raises(NotPushed):
        read_metadata(str(path))
    path.write_text(json.dumps({"containerimage.digest": DIGEST}))
    assert read_metadata(str(path)) == DIGEST


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ['error: failed to solve: failed to push r/a/b: failed to do request: Head "x": refused'],
            "failed to do",
        ),
        (["error: failed to solve: process did not complete"], None),
        (["error: failed to receive status: connection reset"], None),
        (
            [
                FAILED_RUN,
                "error: failed to solve: process `echo failed to push x: y` did not complete",
            ],
            None,
        ),
    ],
    ids=["push", "build", "daemon", "command that prints the message"],
)
def test_only_a_failed_push_lets_shipmark_push_instead(lines: list[str], reason: str | None) -> None:
    progress = BuildProgress(NullSink(), str, "Dockerfile")
    for line in lines:
        progress.take(line.encode())
    if reason is None:
        require_pushed("r/a/b", progress)
        return
    with pytest.raises(NotPushed) as caught:
        require_pushed("r/a/b", progress)
    assert str(caught.value).startswith(f"BuildKit cannot push to `r/a/b`: {reason}")


@pytest.mark.parametrize(
    ("driver", "address", "is_here"),
    [
        ("", "unix:///run/buildkit/buildkitd.sock", True),
        ("", "tcp://127.0.0.1:1234", True),
        ("remote", "tcp://localhost:1234", True),
        ("", "tcp://localhost.example.com:1234", False),
        ("remote", "tcp://builder.example.com:1234", False),
        ("docker-container", "unix:///var/run/docker.sock", False),
        ("kubernetes", "kubernetes:///a", False),
        ("docker", "default", True),
    ],
)
def test_a_buildkit_daemon_is_on_this_host_only_with_a_local_address(
    driver: str, address: str, is_here: bool
) -> None:
    tool = Tool(kind="buildx" if driver else "buildctl", program="/p", driver=driver, address=address)
    assert tool.is_on_this_host is is_here


@pytest.mark.parametrize("registry", ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_a_remote_builder_pushes_to_a_loopback_registry_only_with_push_by_digest(
    registry: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    remote = Tool(kind="buildctl", program="/p", address="tcp://builder.example.com:1234")
    for push, is_refused in (("auto", True), ("by-digest", False)):
        task = build_of(tmp_path, push=push).task
        read = read_input(task, BuildValues())
        assert (obstacle(read, remote, f"{registry}/acme/app") is not None) is is_refused
        assert obstacle(read, remote, "ghcr.io/acme/app") is None
