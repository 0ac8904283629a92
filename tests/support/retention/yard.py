"""A repository in a real registry with images to prune, and the command in a git repository with a policy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from release.oci import Repository
from tests.support.programs.command import Result, Shipmark
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.registry import RegistryServer, registry_program
from tests.support.releases.git import GitRepo

#: Deletes every tag `sha-…` at once: what is tested are references, not ages.
POLICY: dict[str, Any] = {
    "delete": [{"match": "sha-*"}, {"untagged": True}],
    "keep": [{"match": "release-*"}],
    "grace": "0s",
    "limits": {"max_fraction": 1, "min_keep": 0},
}


def image(name: str, platform: str = "linux/amd64", **more: Any) -> Image:
    """Return an image whose content is `name`."""
    return make_image({"name": name.encode()}, platform=platform, **more)


def index(name: str) -> Image:
    """Return an index of two platforms, with content of its own."""
    return make_index(image(f"{name} amd64"), image(f"{name} arm64", "linux/arm64"))


def about(subject: Image, name: str = "sbom") -> Image:
    """Return a manifest that refers to `subject`."""
    described = {
        "mediaType": subject.manifest.media_type,
        "digest": subject.digest,
        "size": len(subject.manifest.raw),
    }
    return make_image({name: b"{}"}, extra={"subject": described, "artifactType": "application/spdx+json"})


class Yard:
    """`shipmark prune` for the repository `name` of `host`; `server` is the registry behind it."""

    def __init__(
        self, repo: GitRepo, shipmark: Shipmark, repository: Repository, server: RegistryServer, name: str
    ) -> None:
        self.repo, self.repository, self.server, self.name = repo, repository, server, name
        self._shipmark = shipmark
        repo.commit("first", files={".gitignore": ".shipmark/\n"})
        self.configure()

    def configure(self, **retention: Any) -> None:
        """Write the policy: `POLICY` with the given members."""
        config = {"image": self.repository.name, "retention": {**POLICY, **retention}}
        self.repo.write({"shipmark.yml": json.dumps(config)})

    def put(self, one: Image, *tags: str) -> Image:
        """Put an image and its tags into the repository."""
        store(one, self.repository, *tags)
        return one

    def __call__(self, *args: str, **more: Any) -> Result:
        """Run `shipmark prune` with `args`."""
        return self._shipmark("prune", *args, cwd=self.repo.path, **more)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start `shipmark prune`, for a test that kills it."""
        return self._shipmark.start("prune", *args, cwd=self.repo.path)

    def plan(self, *args: str) -> Any:
        """Return the report of a dry run."""
        done = self("--json", *args)
        assert done.code in (0, 6), done.stderr
        return done.json

    def apply(self, *args: str, code: int = 0) -> Any:
        """Make a plan and execute it."""
        done = self("--json", "--apply", self.plan()["plan"], *args)
        assert done.code == code, f"{done.code}: {done.stderr}"
        return done.json

    @property
    def tags(self) -> dict[str, str]:
        """Return tag -> digest, without tags that lead nowhere."""
        return self.server.tags(self.name)

    def has(self, *images: Image) -> list[bool]:
        """Return for each image whether the registry has its manifest."""
        found = []
        for one in images:
            try:
                self.server.manifest(self.name, one.digest)
                found.append(True)
            except LookupError:
                found.append(False)
        return found

    @property
    def log(self) -> list[dict[str, Any]]:
        """Return the entries of the version log."""
        path = self.repo.path / ".shipmark/log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def collect_garbage(self, *options: str) -> None:
        """Run the registry's own garbage collection, and start the registry again."""
        self.server.stop()
        config = str(self.server.folder / "config.json")
        done = subprocess.run(
            [registry_program(), "garbage-collect", *options, config],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        self.server.start()

    def pull(self, folder: Path) -> dict[str, int]:
        """Pull every tag with skopeo, for all platforms; return the exit codes of those that fail."""
        failed = {}
        folder.mkdir(parents=True, exist_ok=True)
        for tag in self.tags:
            argv = ["skopeo", "copy", "--quiet", "--all", "--src-tls-verify=false"]
            done = subprocess.run(
                [*argv, f"docker://{self.server.host}/{self.name}:{tag}", f"oci:{folder / 'pulled'}:{tag}"],
                capture_output=True,
                check=False,
                timeout=60,
            )
            if done.returncode:
                failed[tag] = done.returncode
        return failed
