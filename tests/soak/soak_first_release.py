"""docs/first-release.md, typed as printed: from the clone of an empty project to an image in a registry, per system.

Hosts of the page lead to folders of this machine, and `ghcr.io` is a registry of this machine that wants no credential.
GitHub is act, GitLab is gitlab-ci-local, Jenkins is Groovy with the steps of `tests/support/programs/pipeline.groovy`;
their install scripts run as they are. What is typed into a browser is counted, and not done.

Prints a table: commands, keys to press, minutes at 200 keys a minute, seconds of the commands and of the job.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pages import text_of
from tests.support.programs.act import Act
from tests.support.programs.environment import scrubbed
from tests.support.programs.gitlab_pipeline import GitLab
from tests.support.programs.jenkins_build import JenkinsBuild
from tests.support.programs.wheel import ROOT, Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.services.required import program

PAGE = "docs/first-release.md"
KEYS_PER_MINUTE = 200
MINUTES = 5
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(heading: str, language: str = "sh") -> str:
    """Return what the section of the page has in blocks of a language."""
    (section,) = (one for one in text_of(PAGE).split("\n## ") if one.startswith(f"{heading}\n"))
    return "".join(match[2] for match in _BLOCK.finditer(section) if match[1] == language)


class Stranger:
    """A person with an empty home, an empty project on a server, and a copy of this repository there."""

    def __init__(self, folder: Path, registry: RegistryServer) -> None:
        self.registry, self.home, self.server = registry, folder / "home", folder / "server"
        self.home.mkdir(exist_ok=True)
        git = [program("git")]
        app = self.server / "acme" / "app"
        app.mkdir(parents=True)
        subprocess.run([*git, "init", "--quiet", "--bare", "--initial-branch=main", app], check=True)
        subprocess.run([*git, "clone", "--quiet", "--bare", ROOT, app.parent / "shipmark"], check=True)
        index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT"))}
        self.env = {
            **scrubbed(self.home),
            **index,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{self.server}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
        self.app = GitRepo(app, home=self.home, init=False)

    def type(self, *scripts: str) -> float:
        """Type the scripts into one shell; return the seconds that they took."""
        person = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
        }
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(scripts).replace("ghcr.io", self.registry.host)],
            cwd=self.home,
            env={**self.env, **person, "TOKEN": "of-ada"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return time.monotonic() - began

    def head(self) -> str:
        return self.app.git("rev-parse", "refs/tags/v1.0.0^{commit}")


def nothing(_stranger: Stranger, _folder: Path, _installed: Installed) -> None:
    """The laptop has released already."""


def github(stranger: Stranger, folder: Path, installed: Installed) -> None:
    act = Act(folder, stranger.app.path, installed)
    done = act.run(".github/workflows/shipmark.yml", "push", sha=stranger.head(), ref="refs/tags/v1.0.0")
    assert (done.code, done.jobs.get("release")) == (0, "success"), done.said


def gitlab(stranger: Stranger, folder: Path, installed: Installed) -> None:
    # The job's container has /opt for itself, and this machine has not.
    text = stranger.app.git("show", "v1.0.0:.gitlab-ci.yml").replace("/opt/shipmark", str(folder / "opt"))
    app = stranger.app.clone(folder / "app")
    app.commit("folder", {".gitlab-ci.yml": f"{text}\n"})
    app.git("tag", "--force", "v1.0.0")
    lab = GitLab(app, folder / "lab", installed, "unused", env=stranger.env)
    done = lab.run({"CI_COMMIT_TAG": "v1.0.0", "CI_COMMIT_REF_NAME": "v1.0.0"})
    assert (done.code, done.jobs) == (0, {"shipmark": "PASS"}), done.said


def jenkins(stranger: Stranger, folder: Path, _installed: Installed) -> None:
    folder.mkdir()
    build = JenkinsBuild(folder / "build", origin=stranger.app.path, commit=stranger.head(), env=stranger.env)
    text = stranger.app.git("show", "v1.0.0:Jenkinsfile")
    done = build.run(text, {"TAG_NAME": "v1.0.0", "BRANCH_NAME": "v1.0.0"})
    assert (done["result"], done["stages"]) == ("SUCCESS", ["Checkout", "Release"]), done


#: Section of the page -> what the system does after the push.
SYSTEMS: dict[str, Callable[[Stranger, Path, Installed], None]] = {
    "Laptop": nothing,
    "GitHub": github,
    "GitLab": gitlab,
    "Jenkins": jenkins,
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_first_release_takes_few_keys(
    system: str, tmp_path: Path, installed: Installed, registry_server: RegistryServer
) -> None:
    stranger = Stranger(tmp_path, registry_server)
    parts = [typed(heading) for heading in ("Install", "The project", system)]
    seconds = stranger.type(*parts)
    began = time.monotonic()
    SYSTEMS[system](stranger, tmp_path / "ci", installed)
    job = time.monotonic() - began
    tags = set(registry_server.tags("acme/app")) - {"shipmark-status"}
    assert {tag for tag in tags if not tag.startswith("sha-")} == {"1.0.0", "1.0", "1", "latest"}
    # Return after each line of a form counts, as it does after each command.
    keys = sum(map(len, parts)) + len(typed(system, "text"))
    commands = sum(len(re.split(r"\n|&&", part.strip())) for part in parts)
    print(
        f"\n| {system} | {commands} commands | {keys} keys | {keys / KEYS_PER_MINUTE:.1f} min of typing "
        f"| {seconds:.0f} s | job {job:.0f} s |"
    )
    assert keys <= MINUTES * KEYS_PER_MINUTE
