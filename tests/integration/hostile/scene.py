"""A hostile workspace and everything around it that must stay as it is.

`Case` is a row of the tables: how an outsider's repository is made, and what shipmark may answer. `Scene` is one case
on the disk: the repository, its clone on a runner, a home and a neighbour folder whose files no command may change,
secrets in the environment, and a listener to which no secret may be sent.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.integration.hostile.listener import Listener, readings
from tests.support.programs.environment import scrubbed
from tests.support.releases.git import GitRepo

#: Exit codes with which shipmark may refuse something, or be done. Not among them: 1, and death by a signal.
ORDERLY = (0, 2, 3, 4, 5, 6, 7)
#: What is refused because it could harm: a bad config or file, or a policy.
REFUSED = (2, 6)

CONFIG = "image: oci:dist/image\nbuild: {builder: layers}\n"
FILES = {
    "Dockerfile": "FROM scratch\nCOPY hello /hello\n",
    "hello": "hello\n",
    ".gitignore": "dist/\nplan.json\nresult.env\n",
}
#: What a user names on the command line or in the config, and what may change therefore.
NAMED = (".shipmark/", "dist/", "plan.json", "result.env", ".git/")

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "tags": ("tags",),
    "version": ("version",),
    "preview": ("preview",),
    "log list": ("log", "list"),
    "image inspect": ("image", "inspect", "oci:layout:1.0"),
    "run": ("run",),
}

#: Variables that hold a credential for something; each has a value of its own, which must reach nobody.
SECRET_NAMES = tuple(
    """
    SHIPMARK_REGISTRY_GHCR_IO_TOKEN SHIPMARK_REGISTRY_DOCKER_IO_PASSWORD SHIPMARK_LOG_TOKEN SUPERSECRET NPM_TOKEN
    GITHUB_TOKEN GH_TOKEN ACTIONS_RUNTIME_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN CI_JOB_TOKEN CI_REGISTRY_PASSWORD
    AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN PGPASSWORD DOCKER_PASSWORD AZURE_CLIENT_SECRET
    """.split()  # noqa: SIM905  # quoted names would hide the list
)


def secret_of(name: str) -> str:
    """Return the secret value of an environment variable, equal in every scene."""
    return "s3cr3t" + hashlib.sha256(name.encode()).hexdigest()[:20]


class Link(NamedTuple):
    """A symlink that git tracks, given by its target."""

    target: str


class Case(NamedTuple):
    """One hostile workspace.

    `files`, `config`: tracked files. Placeholders in tracked files and in `env` are replaced: `@VICTIM@` by the
    neighbour folder, `@LISTENER@` by the listener's `host:port`, `@TRAP@` by a command that springs the trap. `make`:
    called in the author's repository before the commit. `after`: called in the clone, for artifacts and settings of the
    CI system. `env`: added to the scene's environment. `fork`: run as a fork's pull request, not as a push of the tag.
    `inside`: the folder for `-C`. `options`: more arguments, by command. `commands`: the commands to run. `codes`: the
    allowed exit codes, by command; a command that is not named may have any code of `ORDERLY`. `says`: pattern that
    stderr must match, by command. `check`: called at the end.
    """

    name: str
    files: Mapping[str, str | bytes | Link] = {}
    config: str | bytes | Link | None = CONFIG
    make: Callable[[Scene], object] | None = None
    after: Callable[[Scene], None] | None = None
    env: Mapping[str, str] = {}
    fork: bool = False
    inside: str = "."
    options: Mapping[str, tuple[str, ...]] = {}
    commands: tuple[str, ...] = tuple(COMMANDS)
    codes: Mapping[str, int | tuple[int, ...]] = {}
    says: Mapping[str, str] = {}
    check: Callable[[Scene], None] | None = None


class Ended(NamedTuple):
    """Result of one shipmark command in a scene."""

    command: str
    code: int
    stdout: str
    stderr: str
    wall: float = 0.0


class Scene:
    """The repository, clone and surroundings of one case, below `folder`."""

    def __init__(self, case: Case, folder: Path, listener: Listener) -> None:
        self.case, self.folder, self.listener = case, folder, listener
        self.home, self.victim, self.temp = folder / "home", folder / "victim", folder / "tmp"
        self.runner = folder / "runner"  # the CI's own files: event, outputs, summary
        self.trap, self.mark = folder / "trap", folder / "PWNED"
        self.ended: list[Ended] = []
        folder.mkdir()
        for path in (self.home, self.victim, self.temp, self.runner, folder / "cache"):
            path.mkdir()
        self.trap.write_text(f"#!/bin/sh\necho sprung >>{self.mark}\n")
        self.trap.chmod(0o755)
        self._fill_neighbours()
        self.repo = GitRepo(folder / "author", home=self.home)
        self.clone = folder / "work"
        self._build()
        self.outside = self._outside()

    @property
    def workspace(self) -> Path:
        """Return the folder that the command gets with `-C`."""
        return self.clone / self.case.inside

    def filled(self, text: str) -> str:
        """Return `text` with its placeholders replaced by the paths and addresses of the scene."""
        values = {
            "@VICTIM@": str(self.victim),
            "@LISTENER@": self.listener.address,
            "@PORT@": str(self.listener.port),
            "@TRAP@": str(self.trap),
            "@HOME@": str(self.home),
            "@WORK@": str(self.clone),
            "@ORIGIN@": str(self.repo.path),
            "@SSH@": str(self.folder / "ssh"),
            "@RUNNER@": str(self.runner),
        }
        return re.sub(r"@[A-Z]+@", lambda found: values.get(found[0], found[0]), text)

    def write(self, root: Path, files: Mapping[str, str | bytes | Link]) -> None:
        """Write files and symlinks below `root`."""
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Link):
                path.symlink_to(self.filled(content.target))
            else:
                path.write_bytes(content if isinstance(content, bytes) else self.filled(content).encode())

    def environment(self) -> dict[str, str]:
        """Return the environment of a CI runner, with secrets in it."""
        env = {
            **scrubbed(self.home),
            **{name: secret_of(name) for name in SECRET_NAMES},
            "SHIPMARK_CACHE_DIR": str(self.folder / "cache"),
            "TMPDIR": str(self.temp),
            "DOCKER_HOST": f"unix://{self.folder}/no-daemon.sock",
            "PYTHONPATH": ".",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{self.listener.address}/oidc",
            **self._github(),
        }
        return env | {self.filled(name): self.filled(value) for name, value in self.case.env.items()}

    def argv(self, command: str) -> list[str]:
        """Return the arguments of a shipmark command in this case."""
        options = [self.filled(one) for one in self.case.options.get(command, ())]
        return [*COMMANDS[command], *options]

    def judge(self, done: Ended) -> None:
        """Assert what every command must keep: no traceback, secret or change outside of the workspace."""
        self.ended.append(done)
        said = f"{self.case.name}: `{done.command}` ended with {done.code}\n{done.stdout}\n{done.stderr}"
        both = f"{done.stdout}\n{done.stderr}"
        wanted = self.case.codes.get(done.command, ORDERLY)
        assert done.code in ((wanted,) if isinstance(wanted, int) else wanted), said
        assert "Traceback" not in both, said
        assert "defect of shipmark" not in both, said
        assert not re.search(r"(?m)^\s*(?:::|##\[|##vso\[)pwn", both), said
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", both), said
        assert not self.mark.exists(), f"a command of the workspace ran\n{said}"
        leaked = [name for name in self.secrets() if self.secrets()[name] in both]
        assert not leaked, f"{leaked} printed\n{said}"
        told = readings(self.listener.take())
        leaked = [name for name, value in self.secrets().items() if value.encode() in told]
        assert not leaked, f"{leaked} sent\n{told!r}\n{said}"
        moved = changed(self.outside, self._outside())
        assert not moved, f"{moved} changed\n{said}"
        if pattern := self.case.says.get(done.command):
            assert re.search(pattern, done.stderr), said

    def secrets(self) -> dict[str, str]:
        """Return the secrets that must not be printed or sent, by the name of their variable."""
        return {name: secret_of(name) for name in (*SECRET_NAMES, "FILE", "EXTRA")}

    def workspace_state(self) -> dict[str, str]:
        """Return the state of each file of the clone, without outputs that the user named."""
        found = tree(self.clone)
        if self.case.fork:
            return {path: state for path, state in found.items() if not path.startswith(".git/")}
        # The folders of named files count as named, too.
        return {
            path: state
            for path, state in found.items()
            if not f"{path}/".startswith(NAMED) and path not in NAMED
        }

    def _build(self) -> None:
        files = {**FILES, **self.case.files}
        if self.case.config is not None:
            files["shipmark.yml"] = self.case.config
        self.write(self.repo.path, files)
        if self.case.make is not None:
            self.case.make(self)
        for name in (".gitignore", "hello"):
            if (self.repo.path / name).is_file():
                self.repo.git("add", "--force", "--", name)
        self.repo.git("add", "--all", "--force", ".")
        self.repo.git("commit", "--quiet", "--allow-empty", "--message=one")
        self.repo.git("tag", "v1.4.2")
        subprocess.run(
            ["git", "clone", "--quiet", f"file://{self.repo.path}", str(self.clone)],
            env=scrubbed(self.home),
            check=True,
            capture_output=True,
        )
        if self.case.after is not None:
            self.case.after(self)

    def _fill_neighbours(self) -> None:
        old = 1_600_000_000
        for folder in (self.home, self.victim):
            for name in (".bashrc", "bashrc", "sub/file", "log.jsonl", "image/index.json", "old.run"):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{name} {secret_of('FILE')}\n")
                os.utime(path, (old, old))
        os.chmod(self.home / ".bashrc", 0o600)
        docker = {"auths": {"ghcr.io": {"username": "u", "password": secret_of("EXTRA")}}}
        (self.home / ".docker").mkdir()
        (self.home / ".docker" / "config.json").write_text(json.dumps(docker))

    def _github(self) -> dict[str, str]:
        event = self.runner / "event.json"
        head = self.repo.head
        common = {
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": head,
            "GITHUB_RUN_ID": "7001",
            "GITHUB_WORKSPACE": str(self.clone),
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(self.runner / "output"),
            "GITHUB_STEP_SUMMARY": str(self.runner / "summary"),
        }
        repository = {"full_name": "acme/app", "default_branch": "main"}
        if not self.case.fork:
            event.write_text(json.dumps({"ref": "refs/tags/v1.4.2", "repository": repository}))
            return {
                **common,
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_REF": "refs/tags/v1.4.2",
                "GITHUB_REF_TYPE": "tag",
            }
        theirs = {"sha": head, "ref": "patch-1", "repo": {"full_name": "mallory/app", "fork": True}}
        ours = {"sha": head, "ref": "main", "repo": {"full_name": "acme/app"}}
        request = {"number": 12, "head": theirs, "base": ours}
        event.write_text(json.dumps({"number": 12, "pull_request": request, "repository": repository}))
        return {
            **common,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_REF": "refs/pull/12/merge",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_HEAD_REF": "patch-1",
            "GITHUB_BASE_REF": "main",
        }

    def _outside(self) -> dict[str, str]:
        places = {"home": self.home, "victim": self.victim, "tmp": self.temp, "author": self.repo.path}
        found = {
            f"{name}/{path}": state for name, root in places.items() for path, state in tree(root).items()
        }
        return found | {
            path.name: "" for path in self.folder.iterdir() if path.name not in ("work@tmp", "venv")
        }


def tree(root: Path) -> dict[str, str]:
    """Return every file, folder and symlink below `root` with its mode, size, time and content."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            state = f"{stat.filemode(status.st_mode)}"
            if stat.S_ISLNK(status.st_mode):
                state += f" -> {os.readlink(path)}"
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    state += f" {status.st_mtime_ns} {hashlib.sha256(file.read()).hexdigest()}"
            found[os.path.relpath(path, root)] = state
    return found


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the paths that differ between two states of a folder."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


class Forks:
    """A client of `fork_server.py`."""

    def __init__(self, folder: Path) -> None:
        self._streams = (folder / "out", folder / "err")
        script = Path(__file__).with_name("fork_server.py")
        self._server = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            env=scrubbed(folder),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, scene: Scene, command: str, argv: Iterable[str] | None = None) -> Ended:
        """Run one command in the scene."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        request = {
            "argv": ["-C", str(scene.workspace), *(scene.argv(command) if argv is None else argv)],
            "cwd": str(scene.clone),
            "env": scene.environment(),
            "out": str(self._streams[0]),
            "err": str(self._streams[1]),
            "seconds": 60,
            "cpu": 10,
            "memory": 2 << 30,
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        out, err = (path.read_bytes().decode("utf-8", "backslashreplace") for path in self._streams)
        return Ended(command, answer["code"], out, err, answer["wall"])

    def close(self) -> None:
        """Stop the fork server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()
