"""SIGTERM while a command works on input that takes very long: the command ends at once, and leaves no process."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

LIMIT = 4.0  # seconds; alone on a machine it takes less than one


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Wait, by polling, until a condition holds."""
    end = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, (what, process.communicate())
        assert time.monotonic() < end, f"no sign of {what}"
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes]) -> str:
    """Send SIGTERM to the process; assert that it ends in time with a warning, and return its stderr."""
    struck = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    took = time.monotonic() - struck
    assert process.returncode == 143, err.decode()
    assert took < LIMIT
    assert "SIGTERM: stopping" in err.decode()
    return err.decode()


def _many_patterns(repo: GitRepo) -> tuple[str, ...]:
    """Write an ignore file with thousands of patterns and files; return the command that compares them all."""
    patterns = "".join(f"**/*{number}*x*y\n" for number in range(3000))
    repo.commit(
        files={
            "Dockerfile": "FROM scratch\nCOPY . /\n",
            ".dockerignore": patterns,
            ".gitignore": "d/\ndist/\n",
        }
    )
    (repo.path / "d").mkdir()
    for number in range(1500):
        (repo.path / "d" / f"{'a' * 200}{number}").touch()
    return ("run", "--image", "oci:dist")


def _many_rules(repo: GitRepo) -> tuple[str, ...]:
    rules = "".join(f"  - type=match,pattern=(.*)(.*)(.*)(.*)z{number}\n" for number in range(3000))
    repo.commit(files={"shipmark.yml": f"image: ghcr.io/acme/app\ntags:\n{rules}"})
    repo.tag("v1.2.3")
    return ("tags",)


def _large_blob(repo: GitRepo) -> tuple[str, ...]:
    """Write a layout with a sparse layer of 100 GB; return the command that hashes it."""
    repo.commit()
    digest, size = "sha256:" + "a" * 64, 100 << 30
    config = b"{}"
    blobs = repo.path / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    with (blobs / ("a" * 64)).open("wb") as blob:
        blob.truncate(size)

    def put(content: bytes) -> dict[str, object]:
        import hashlib

        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return {"digest": f"sha256:{name}", "size": len(content)}

    kind = "application/vnd.oci.image.manifest.v1+json"
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size}
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", **put(config)}
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": described, "layers": [layer]}
    entry = {"mediaType": kind, **put(json.dumps(manifest).encode())}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "1.0"}
    (repo.path / "layout" / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (repo.path / "layout" / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return ("image", "copy", "oci:layout:1.0", "oci:copy:1.0")


def _compressed_archive(repo: GitRepo) -> tuple[str, ...]:
    repo.commit()
    piece = gzip.compress(bytes(64 << 20))
    (repo.path / "image.tar").write_bytes(piece * 400)
    return ("image", "inspect", "oci-archive:image.tar")


@pytest.mark.parametrize("busy", [_many_patterns, _many_rules, _large_blob, _compressed_archive])
def test_sigterm_ends_a_command_that_works_on_very_large_input(
    git_repo: GitRepo, shipmark: Shipmark, busy: Callable[[GitRepo], tuple[str, ...]]
) -> None:
    process = shipmark.start(*busy(git_repo), cwd=git_repo.path)
    until(lambda: cpu_seconds(process.pid) > 1.0, process, "work")
    stop(process)


@pytest.mark.parametrize("argv", [("tags",), ("preview",), ("version",), ("metadata",), ("log", "list")])
def test_sigterm_ends_a_child_process_that_ignores_it(
    git_repo: GitRepo, shipmark: Shipmark, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    """The git of PATH ignores SIGTERM, and its child keeps the pipes open."""
    git_repo.commit(files={"shipmark.yml": "image: ghcr.io/acme/app\nlog: [git]\n"})
    pids = tmp_path / "pids"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\ntrap '' TERM\nsleep 600 &\necho $$ $! >{pids}.part\nmv {pids}.part {pids}\nwait\nsleep 600\n"
    )
    fake.chmod(0o755)
    env = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    process = shipmark.start(*argv, cwd=git_repo.path, env=env)
    until(pids.exists, process, "git")
    stop(process)
    for pid in map(int, pids.read_text().split()):
        end = time.monotonic() + 10
        while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < end, "a process outlived its run"
            time.sleep(0.02)
