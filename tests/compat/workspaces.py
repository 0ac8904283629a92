"""Packs and unpacks workspaces of shipmark 0.1.0: the repository, its `.shipmark`, the image layout, the log."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.releases.git import GitRepo
from tests.support.releases.project import FILES
from tests.support.services.required import program, require

FOLDER = Path(__file__).parent / "0.1.0" / "workspaces"
BUILD = "image: oci:dist/image\nproject: acme/app\nbuild: {builder: layers}\n"
REMOTE = "https://git.example/acme/app.git"
SQL = ("sqlite", "postgresql")
#: Written by the command or by git for their own use; nobody reads it again.
_LEFT_OUT = ("hooks", "logs", "info", "description", "cache", "log.jsonl.lock")


class Workspace:
    """A clone in `folder/repo` whose log is in `store`: in the clone, beside it in the folder, or in a database."""

    def __init__(self, folder: Path, store: str, home: Path, request: pytest.FixtureRequest) -> None:
        self.folder, self.store = folder, store
        self.repo = GitRepo(folder / "repo", home=home, init=not (folder / "repo").exists())
        self.env: dict[str, str] = {}
        if store == "sqlite":
            self.env["LOG_URL"] = f"sqlite:///{folder}/log.db"
        elif store == "postgresql":
            self.env["LOG_URL"] = request.getfixturevalue("postgres").database()

    def start(self) -> None:
        """Make the first commit, with a config for the store."""
        log = {"file": "", "git": "log: {store: git}\n"}.get(
            self.store, "log: {store: sql, url: '${LOG_URL}'}\n"
        )
        self.repo.commit("start", {**FILES, "shipmark.yml": BUILD + log})
        if self.store == "git":
            self.repo.clone(self.folder / "remote.git", "--bare")
            self.connect()

    def connect(self) -> None:
        """Make the folder's bare repository the remote `origin`, under an address that is equal on every machine."""
        self.repo.git("remote", "add", "origin", REMOTE)
        self.repo.git("config", f"url.file://{self.folder}/remote.git.insteadOf", REMOTE)

    def disconnect(self) -> None:
        """Remove the remote, since its folder differs wherever the workspace is unpacked."""
        self.repo.git("remote", "remove", "origin")
        self.repo.git("config", "--remove-section", f"url.file://{self.folder}/remote.git")
        bare = GitRepo(self.folder / "remote.git", home=Path(self.repo.env["HOME"]), init=False)
        bare.git("remote", "remove", "origin")

    def commit(self, git_tag: str) -> None:
        self.repo.commit(git_tag, {"hello.txt": git_tag})
        self.repo.tag(git_tag)

    def run(self, shipmark: Shipmark, *args: str) -> Result:
        return shipmark(*args, cwd=self.repo.path, env=self.env)

    def must(self, shipmark: Shipmark, *args: str) -> Result:
        """Run a command and require that it succeeds."""
        result = self.run(shipmark, *args)
        assert result.code == 0, f"{args} exited {result.code}\n{result.stdout}\n{result.stderr}"
        return result

    def pack(self) -> bytes:
        """Return the folder as a compressed tar, with a PostgreSQL database as text for `psql`."""
        if self.store == "postgresql":
            (self.folder / "log.sql").write_text(_dump(self.env["LOG_URL"]))
        if self.store == "git":
            self.disconnect()
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for path in sorted(self.folder.rglob("*")):
                name = path.relative_to(self.folder).as_posix()
                if path.is_file() and not _is_left_out(name):
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = path.stat().st_size, 0o644
                    archive.addfile(info, io.BytesIO(path.read_bytes()))
        return gzip.compress(raw.getvalue(), 9, mtime=0)


def unpacked(
    name: str, folder: Path, home: Path, request: pytest.FixtureRequest, frozen: Path = FOLDER
) -> Workspace:
    """Unpack the workspace `name`, which begins with the name of its store, and connect it to its log."""
    folder.mkdir()
    with tarfile.open(frozen / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    for bare in (folder / "repo/.git", folder / "remote.git"):
        # Git wants these two, and a tar of files holds no empty folders.
        for needed in ("refs", "objects"):
            (bare / needed).mkdir(parents=True, exist_ok=True)
    workspace = Workspace(folder, name.partition("-")[0], home, request)
    if workspace.store == "git":
        workspace.connect()
    elif workspace.store == "postgresql":
        postgres = request.getfixturevalue("postgres")
        postgres.sql((folder / "log.sql").read_text(), urlsplit(workspace.env["LOG_URL"]).path.strip("/"))
    return workspace


def _is_left_out(name: str) -> bool:
    return any(part in _LEFT_OUT for part in name.split("/"))


def _dump(url: str) -> str:
    require("postgres")
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    argv = [program("pg_dump"), "--no-owner", "--no-privileges", "--inserts", f"--dbname={plain}"]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    # Settings, comments and psql's own commands differ from one version of PostgreSQL to the next.
    lines = (line for line in text.splitlines() if not line.startswith(("--", "\\", "SET ")))
    return "\n".join(line for line in lines if line and "set_config(" not in line) + "\n"
