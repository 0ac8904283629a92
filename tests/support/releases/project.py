"""A git repository whose project is released to a registry, for end-to-end tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.command import Result, Shipmark
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

FILES = {
    "Dockerfile": "FROM scratch\nARG VERSION\nLABEL built-as=$VERSION\nCOPY hello.txt /hello.txt\n",
    "hello.txt": "hello\n",
    ".gitignore": "dist/\nplan.json\n",
}


class Project:
    """A git repository with a `shipmark.yml`, the command run in it, and the registry of its releases."""

    def __init__(self, repo: GitRepo, shipmark: Shipmark, registry: RegistryServer) -> None:
        self.repo = repo
        self.registry = registry
        self._shipmark = shipmark
        self.image = f"{registry.host}/acme/app"
        self.name = "acme/app"

    def configure(self, **settings: Any) -> None:
        """Write `shipmark.yml` (JSON is YAML) without committing it."""
        build = {"builder": "layers", "args": {"VERSION": "{{version}}"}}
        whole = {"image": self.image, "build": build, **settings}
        given = {name: value for name, value in whole.items() if value is not None}
        self.repo.write({"shipmark.yml": json.dumps(given)})

    def release_commit(self, *git_tags: str, files: Mapping[str, str | bytes] | None = None) -> str:
        """Commit a change of `hello.txt` and `files`, give it `git_tags`, and return its id."""
        content = {
            "hello.txt": f"hello {' '.join(git_tags)} {len(self.repo.git('log', '--oneline', check=False))}\n"
        }
        commit = self.repo.commit(" ".join(git_tags) or "change", files={**content, **(files or {})})
        for name in git_tags:
            self.repo.tag(name)
        return commit

    def __call__(self, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run shipmark in the repository."""
        return self._shipmark(*args, cwd=cwd or self.repo.path, env=env)

    def start(self, *args: str, cwd: Path | None = None, **more: Any) -> Any:
        """Start shipmark in the repository, for tests that send signals."""
        return self._shipmark.start(*args, cwd=cwd or self.repo.path, **more)

    def must(self, *args: str, **more: Any) -> Result:
        """Run shipmark and require that it succeeds."""
        result = self(*args, **more)
        assert result.code == 0, f"{args} exited {result.code}\n{result.stdout}\n{result.stderr}"
        return result

    @property
    def cache(self) -> Path:
        """Return the cache folder of the only repository that this test released."""
        (lease,) = Path(self._shipmark.env["SHIPMARK_CACHE_DIR"]).glob("*/lease")
        return lease.parent

    def lose_disk(self) -> None:
        """Delete everything that shipmark stores on this machine, as if a new runner ran the next command."""
        shutil.rmtree(self.repo.path / ".shipmark", ignore_errors=True)
        shutil.rmtree(self._shipmark.env["SHIPMARK_CACHE_DIR"], ignore_errors=True)

    @property
    def tags(self) -> dict[str, str]:
        """Return the project's tags in the registry: tag -> digest."""
        return self.registry.tags(self.name)

    @property
    def log(self) -> list[dict[str, Any]]:
        """Return the entries of the project's version log; none if the log does not exist."""
        path = self.repo.path / ".shipmark" / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def kinds(self) -> list[str]:
        """Return the kinds of the log's entries, in order."""
        return [entry["kind"] for entry in self.log]


@pytest.fixture
def make_project(
    make_repo: Callable[[str], GitRepo], shipmark: Shipmark, registry_server: RegistryServer
) -> Callable[..., Project]:
    """Give a function that makes a project with the git tags v1.3.8, v1.4.0 and v1.4.1, the last of them at HEAD."""

    def make(name: str = "repo", **settings: Any) -> Project:
        project = Project(make_repo(name), shipmark, registry_server)
        project.configure(**settings)
        project.release_commit("v1.3.8", files=FILES)
        for git_tag in ("v1.4.0", "v1.4.1"):
            project.release_commit(git_tag)
        return project

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """Give a project with git tags up to v1.4.1 in its history, and the git tag v1.4.2 at HEAD; nothing is released."""
    made = make_project()
    made.release_commit("v1.4.2")
    return made
