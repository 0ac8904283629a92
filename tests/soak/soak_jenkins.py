"""The Jenkinsfiles of `ci/jenkins/`, run whole by a real Groovy with a repository and a registry, for every event."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from release.app.setup.init.definitions import Source, jenkins
from tests.support.programs.environment import scrubbed
from tests.support.programs.jenkins_build import LIBRARY, JenkinsBuild
from tests.support.programs.jenkins_sandbox import refused, transformer
from tests.support.programs.wheel import ROOT, Installed
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

FILES = {"Dockerfile": "FROM scratch\nCOPY hello /hello\n", ".gitignore": ".shipmark/\n"}
HOSTILE = "$(touch bait) `touch bait`; touch bait"
REQUEST = {
    "BRANCH_NAME": "PR-12",
    "CHANGE_ID": "12",
    "CHANGE_BRANCH": "x",
    "CHANGE_TARGET": "main",
    "CHANGE_URL": "https://git.test/12",
}
TAG = {"TAG_NAME": "v1.4.2", "BRANCH_NAME": "v1.4.2"}
MAIN = {"BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true"}
RELEASED = {"1.4.2", "1.4", "1", "latest", "sha"}
#: Event -> variables of the build, the stage that runs after the checkout, and the tags that it leaves.
EVENTS: dict[str, tuple[dict[str, str], str, set[str]]] = {
    "push": (MAIN, "Release", {"main", "sha"}),
    "push-branch": ({"BRANCH_NAME": "feature"}, "Preview", set()),
    "tag": (TAG, "Release", RELEASED),
    "request": (REQUEST, "Preview", set()),
    "fork": ({**REQUEST, "CHANGE_FORK": "mallory"}, "Preview", set()),
    "schedule": ({**MAIN, "BUILD_CAUSE": "TIMERTRIGGER"}, "Release", {"main", "sha"}),
    "manual": ({**MAIN, "BUILD_CAUSE": "MANUALTRIGGER"}, "Release", {"main", "sha"}),
    "hostile-branch": ({"BRANCH_NAME": HOSTILE}, "Preview", set()),
    "hostile-request": ({**REQUEST, "CHANGE_BRANCH": HOSTILE, "CHANGE_TITLE": HOSTILE}, "Preview", set()),
}


class Jenkins:
    """A controller with one multibranch job. Every build has a new workspace."""

    def __init__(self, repo: GitRepo, folder: Path, installed: Installed, registry: RegistryServer) -> None:
        self.repo, self.folder, self.installed, self.registry = repo, folder, installed, registry
        self.count = 0

    def build(
        self,
        text: str,
        env: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        sandbox: Path | None = None,
    ) -> dict[str, Any]:
        """Run a Jenkinsfile at HEAD. `ghcr.io` in it becomes the registry."""
        self.count += 1
        folder = self.folder / f"build{self.count}"
        index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT"))}
        agent = {**scrubbed(self.folder), **index}
        build = JenkinsBuild(folder, origin=self.repo.path, commit=self.repo.head, env=agent, sandbox=sandbox)
        controller = {
            "SHIPMARK_VENV": str(self.installed.folder),
            "SHIPMARK_SOURCE": "https://git.test/acme/shipmark",
            "SHIPMARK_COMMIT": "0" * 40,
        }
        answer = build.run(text.replace("ghcr.io", self.registry.host), {**controller, **env}, params)
        assert not list(folder.rglob("bait"))
        assert not (folder / "work@tmp" / "docker").exists(), "the credential is left on the agent"
        return answer

    def tags(self, name: str = "acme/app") -> set[str]:
        found = set(self.registry.tags(name)) - {"shipmark-status"}
        return {"sha" if tag.startswith("sha-") else tag for tag in found}


@pytest.fixture
def ci(git_repo: GitRepo, tmp_path: Path, installed: Installed, registry_server: RegistryServer) -> Jenkins:
    git_repo.commit("one", {**FILES, "hello": "1\n", "release/__init__.py": "raise SystemExit('taken')\n"})
    git_repo.tag("v1.4.2")
    return Jenkins(git_repo, tmp_path, installed, registry_server)


@pytest.mark.parametrize("event", EVENTS)
def test_jenkinsfile_previews_or_releases_each_event(ci: Jenkins, event: str) -> None:
    env, stage, tags = EVENTS[event]
    done = ci.build((LIBRARY / "Jenkinsfile").read_text(), env)
    assert (done["result"], done["stages"]) == ("SUCCESS", ["Checkout", stage]), done
    assert ci.tags() == tags, done["said"]
    assert (done["description"] or "").startswith("1.4.2" if event == "tag" else ("sha-" if tags else ""))


def test_change_jenkinsfile_takes_a_version_back_restores_and_promotes_it(ci: Jenkins) -> None:
    release, change = ((LIBRARY / name).read_text() for name in ("Jenkinsfile", "change.Jenkinsfile"))
    assert ci.build(release, TAG)["result"] == "SUCCESS"
    ci.repo.commit("two", {"hello": "2\n"})
    ci.repo.tag("v1.4.3")
    assert ci.build(release, {"TAG_NAME": "v1.4.3", "BRANCH_NAME": "v1.4.3"})["result"] == "SUCCESS"
    held = ci.registry.tags("acme/app")

    def by_hand(command: str, version: str) -> None:
        params = {"COMMAND": command, "VERSION": version, "REASON": f"it eats data {HOSTILE}"}
        done = ci.build(change, MAIN, params)
        assert done["result"] == "SUCCESS", done

    by_hand("rollback", "1.4.2")
    assert ci.registry.tags("acme/app")["latest"] == held["1.4.2"]
    by_hand("restore", "1.4.3")
    assert ci.registry.tags("acme/app")["latest"] == held["1.4.3"]
    by_hand("promote", "1.4.3")
    assert ci.registry.tags("acme/production")["latest"] == held["1.4.3"]


def test_sandbox_permits_every_call_of_the_jenkinsfiles_and_the_library(ci: Jenkins) -> None:
    release, change = ((LIBRARY / name).read_text() for name in ("Jenkinsfile", "change.Jenkinsfile"))
    calls = 0
    for text, env, params in (
        (release, TAG, None),
        (release, REQUEST, None),
        (change, MAIN, {"COMMAND": "rollback", "VERSION": "1.4.1", "REASON": "there is none: it fails"}),
        (change, MAIN, {"COMMAND": "restore", "VERSION": "1.4.2", "REASON": "it does not"}),
        (change, MAIN, {"COMMAND": "promote", "VERSION": "1.4.2", "REASON": "tested"}),
        (release, {**TAG, "SHIPMARK_VENV": ""}, None),
    ):
        done = ci.build(text, env, params, sandbox=transformer())
        assert done["stages"], done
        assert refused(done["asked"]) == []
        calls += len(done["asked"])
    print(f"\n{calls} calls of different kinds, none refused")
    planted = release.replace("script {", "script {\n new File('/').list()", 1)
    (made, *_) = refused(ci.build(planted, REQUEST, sandbox=transformer())["asked"])
    assert made == ["new java.io.File java.lang.String"]


def test_failed_release_fails_the_build_and_leaves_no_credential(ci: Jenkins) -> None:
    ci.repo.commit("broken", {"Dockerfile": "FROM scratch\nCOPY nothing /\n"})
    done = ci.build((LIBRARY / "Jenkinsfile").read_text(), MAIN)
    assert (done["result"], done["error"]) == ("FAILURE", "shipmark run: the build failed (exit code 4)")


@pytest.mark.parametrize("event", ["tag", "request", "push-branch"])
def test_jenkinsfile_of_init_installs_shipmark_from_a_clone(ci: Jenkins, event: str) -> None:
    ci.repo.commit("config", {"shipmark.yml": f"image: {ci.registry.host}/acme/app\n"})
    ci.repo.git("tag", "--delete", "v1.4.2")
    ci.repo.tag("v1.4.2")
    head = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    text = jenkins(Source(url=ROOT.as_uri(), commit=head), branch="main")
    stages = {"tag": ["Checkout", "Release"], "request": ["Checkout", "Preview"], "push-branch": ["Checkout"]}
    done = ci.build(text, EVENTS[event][0])
    assert (done["result"], done["stages"]) == ("SUCCESS", stages[event]), done
    assert ci.tags() == EVENTS[event][2]
