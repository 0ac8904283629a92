"""The Jenkins step `shipmark`, run by a real Groovy, with stand-ins for the pipeline steps that it uses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ci.outputs import RESULT_NAMES
from tests.support.programs.environment import scrubbed
from tests.support.programs.wheel import ROOT, Installed
from tests.support.releases.git import GitRepo
from tests.support.services.required import program, require

pytestmark = pytest.mark.xdist_group("wheel")

VARS = ROOT / "ci" / "jenkins" / "vars"
HARNESS = ROOT / "tests" / "support" / "programs" / "jenkins.groovy"
RESULT = (
    "SHIPMARK_VERSION=1.4.2\nSHIPMARK_TAGS=r/a:1 r/a:2\nSHIPMARK_TAG_NAMES=\nSHIPMARK_PUSHED=true\nODD\nX=1\n"
)


class Jenkins:
    """Calls the Jenkins step `shipmark(options)` in `workspace`, through Groovy."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self.workspace, self.home = workspace, home
        # Debian's launcher believes a default folder that need not exist.
        java = Path(program("java")).resolve()
        self.env = {**scrubbed(home), "JAVA_HOME": str(java.parents[1])}

    def step(self, options: Mapping[str, Any], **env: str) -> dict[str, Any]:
        """Call the step with `options`, and return the document that the harness prints."""
        file = self.home / "options.json"
        file.write_text(json.dumps(options))
        done = subprocess.run(
            [program("groovy"), HARNESS, VARS / "shipmark.groovy", file, self.workspace],
            env={**self.env, **env},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def fake(self, code: int = 0, result: str | None = RESULT) -> Path:
        """Make an environment whose `python` notes its arguments, writes `result` and exits with `code`."""
        folder = self.home / "venv"
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        python = folder / "bin" / "python"
        (folder / "result").write_text(result or "")
        write = f'cat "{folder}/result" >"$SHIPMARK_RESULT"\n' if result is not None else ""
        python.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" >"{folder}/argv"\n{write}exit {code}\n')
        python.chmod(0o755)
        return folder

    def argv(self) -> list[str]:
        """Return the arguments of the fake `python`."""
        return (self.home / "venv" / "argv").read_text().split("\0")[:-1]


@pytest.fixture
def jenkins(tmp_path: Path) -> Jenkins:
    require("groovy")
    home = tmp_path / "jenkins"
    home.mkdir()
    workspace = tmp_path / "workspace"
    workspace.mkdir(exist_ok=True)
    return Jenkins(workspace, home)


def test_jenkins_step_starts_python_isolated_and_returns_the_values_of_the_result_file(
    jenkins: Jenkins,
) -> None:
    venv = jenkins.fake()
    answer = jenkins.step(
        {"command": "run", "images": "ghcr.io/acme/app", "args": "-v", "venv": str(venv), "directory": "api"}
    )
    assert answer["result"] == {
        "version": "1.4.2",
        "tags": ["r/a:1", "r/a:2"],
        "tagNames": [],
        "pushed": True,
        "exitCode": 0,
    }
    argv = jenkins.argv()
    assert re.fullmatch(
        re.escape(f"{jenkins.workspace}@tmp/shipmark-result-") + r"[0-9a-f-]{36}\.env", argv[7]
    )
    assert argv == [
        *("-I", f"{venv}/bin/shipmark", "-C", "api", "run"),
        *("--image=ghcr.io/acme/app", "--result-file", argv[7], "-v"),
    ]


def test_hostile_values_of_the_jenkins_step_are_passed_as_arguments_and_run_no_command(
    jenkins: Jenkins,
) -> None:
    bait = jenkins.workspace / "bait"
    hostile = [
        f"$(touch {bait})",
        f"`touch {bait}`",
        f"'; touch {bait}; '",
        f'"; touch {bait}; "',
        "END_OF_ARGUMENTS",
        " blanks  inside ",
        "back\\slash",
        "--option",
        "${SHIPMARK_VENV}",
    ]
    venv = jenkins.fake()
    jenkins.step({"images": hostile, "args": hostile, "config": hostile[0], "venv": str(venv)})
    argv = jenkins.argv()
    assert argv[2:5] == ["--config", hostile[0], "preview"]
    assert argv[5 : 5 + len(hostile)] == [f"--image={text}" for text in hostile]
    assert argv[-len(hostile) :] == hostile
    assert not bait.exists()


def test_line_break_in_an_argument_of_the_jenkins_step_is_refused(jenkins: Jenkins) -> None:
    answer = jenkins.step({"args": ["a\n--config=/etc/passwd"], "venv": str(jenkins.fake())})
    assert answer["error"] == "shipmark: an argument cannot hold a line break"
    assert not (jenkins.home / "venv" / "argv").exists()


@pytest.mark.parametrize("name", ["images", "component", "from", "platforms", "to", "mounts", "args"])
def test_entry_without_a_value_is_refused_in_every_list_of_the_jenkins_step(
    jenkins: Jenkins, name: str
) -> None:
    venv = str(jenkins.fake())
    # `from: [env.PLACE]` of a variable that is not set: without the error the image would be built here.
    for values in ([None], ["a", None], *([["a", ""]] if name != "args" else [])):
        answer = jenkins.step({"command": "run", name: values, "venv": venv})
        assert answer.get("error", "").startswith(f"shipmark: `{name}` has an entry without a value"), answer
    assert not (jenkins.home / "venv" / "argv").exists()


def test_restore_without_a_version_names_none(jenkins: Jenkins) -> None:
    for version in (None, ""):
        jenkins.step({"command": "restore", "reason": "x", "version": version, "venv": str(jenkins.fake())})
        assert (jenkins.argv()[2], "--" in jenkins.argv()) == ("restore", False)


def test_steps_on_one_agent_at_a_time_have_result_files_of_their_own(jenkins: Jenkins) -> None:
    venv = str(jenkins.fake())
    folder = Path(f"{jenkins.workspace}@tmp")
    used = set()
    for component in ("api", "web"):
        jenkins.step({"command": "run", "component": component, "venv": venv})
        used.add(jenkins.argv()[jenkins.argv().index("--result-file") + 1])
    assert used == {str(one) for one in folder.glob("shipmark-result-*.env")}
    assert len(used) == 2
    # They do not pile up.
    for path in used:
        os.utime(path, (0, 0))
    jenkins.step({"venv": venv})
    assert len(list(folder.glob("shipmark-result-*.env"))) == 1


def test_failed_command_fails_the_jenkins_step_and_an_old_result_file_is_not_used(jenkins: Jenkins) -> None:
    stale = Path(f"{jenkins.workspace}@tmp")
    stale.mkdir()
    (stale / "shipmark-result.env").write_text("SHIPMARK_VERSION=0.9.0\n")
    venv = str(jenkins.fake(code=6, result=None))
    answer = jenkins.step({"command": "run", "venv": venv})
    assert answer["error"] == "shipmark run: refused (exit code 6)"
    assert jenkins.step({"venv": venv, "failOnError": False})["result"] == {"exitCode": 6}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "a"}, "shipmark: no option `image`; there are command, images"),
        ({"command": "run"}, "shipmark: where is it installed?"),
        ({"venv": "/nowhere"}, "shipmark preview: shipmark is not installed there (exit code 127)"),
    ],
)
def test_wrong_options_of_the_jenkins_step_are_refused_with_the_reason(
    jenkins: Jenkins, options: dict[str, Any], message: str
) -> None:
    assert jenkins.step(options)["error"].startswith(message)


def test_jenkins_step_releases_without_importing_python_modules_of_the_workspace(
    jenkins: Jenkins, installed: Installed, git_repo: GitRepo, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    code = f"open({str(taken)!r}, 'a').write(__name__)\n"
    git_repo.commit(
        "one",
        {
            "release/__init__.py": code,
            "ci/__init__.py": code,
            "Dockerfile": "FROM scratch\nCOPY hello /\n",
            "hello": "x",
        },
    )
    git_repo.tag("v1.4.2")
    jenkins.workspace = git_repo.path
    options = {"command": "run", "images": [f"oci:{tmp_path / 'image'}"]}
    env = {
        "PYTHONPATH": ".",
        "JENKINS_URL": "https://ci.test/",
        "TAG_NAME": "v1.4.2",
        "BRANCH_NAME": "v1.4.2",
    }
    answer = jenkins.step(options, SHIPMARK_VENV=str(installed.folder), **env)
    assert "result" in answer, answer
    result = answer["result"]
    assert (result["version"], result["primaryTag"], result["pushed"]) == ("1.4.2", "1.4.2", True), answer[
        "said"
    ]
    assert set(result["tagNames"]) >= {"1.4.2", "latest"}
    assert not taken.exists()


def test_jenkins_methods_take_options_and_return_the_result(jenkins: Jenkins) -> None:
    venv = str(jenkins.fake())
    for method, options, argv in (
        (
            "release",
            {"component": ["api"], "from": ["oci:a", "oci:b"]},
            ["run", "--component=api", "--from=oci:a", "--from=oci:b"],
        ),
        (
            "rollback",
            {"to": "1.4.1", "reason": "it eats; $(data)"},
            ["rollback", "--reason=it eats; $(data)", "--to=1.4.1"],
        ),
        ("restore", {"version": "1.4.2", "reason": "x"}, ["restore", "--reason=x", "--", "1.4.2"]),
        (
            "promote",
            {"source": "a/b:1", "to": "c/d", "images": ["a/b"]},
            ["promote", "--to=c/d", "--", "a/b:1"],
        ),
        (
            "build",
            {"platforms": ["linux/arm64"], "output": "oci:x"},
            ["build", "--platform=linux/arm64", "--output=oci:x"],
        ),
    ):
        answer = jenkins.step({"method": method, "venv": venv, **options})
        assert answer["result"]["version"] == "1.4.2"
        own = [word for word in jenkins.argv()[2:] if word != "--result-file" and not word.endswith(".env")]
        assert own == argv


def test_jenkins_step_runs_the_image_of_shipmark_on_an_agent_without_python(
    jenkins: Jenkins, installed: Installed, git_repo: GitRepo, tmp_path: Path
) -> None:
    """`docker` is a stand-in that starts the command with the variables and the folder that docker would give it."""
    git_repo.commit("one", {"Dockerfile": "FROM scratch\nCOPY hello /\n", "hello": "x"})
    git_repo.tag("v1.4.2")
    jenkins.workspace = git_repo.path
    programs = tmp_path / "programs"
    programs.mkdir()
    docker = programs / "docker"
    docker.write_text(STAND_IN.format(argv=str(tmp_path / "docker-argv"), python=sys.executable))
    docker.chmod(0o755)
    options = {
        "method": "release",
        "container": "registry.test/shipmark@sha256:0123",
        "venv": str(installed.folder),
        "images": [f"oci:{tmp_path / 'image'}"],
        "mounts": ["/var/run/docker.sock", str(git_repo.path)],
    }
    env = {
        "PATH": f"{programs}{os.pathsep}{jenkins.env['PATH']}",
        "JENKINS_URL": "https://ci.test/",
        "TAG_NAME": "v1.4.2",
        "BRANCH_NAME": "v1.4.2",
        "SECRET_TOKEN": "s3cr3t",
        "https_proxy": "http://u:s3cr3t@proxy.test:3128",
        "XDG_CACHE_HOME": "/home/agent/.cache",
        # The step runs in a folder of the workspace, whose repository is above it.
        "WORKSPACE": str(tmp_path),
        "DOCKER_CONFIG": f"{tmp_path}/docker",
    }
    answer = jenkins.step(options, **env)
    assert "result" in answer, answer
    assert (answer["result"]["version"], answer["result"]["pushed"]) == ("1.4.2", True), answer["said"]
    argv = json.loads((tmp_path / "docker-argv").read_text())
    assert argv[:3] == ["run", "--rm", "--init"]
    assert "registry.test/shipmark@sha256:0123" in argv
    assert "s3cr3t" not in str(argv)
    mounts = [argv[number + 1] for number, word in enumerate(argv) if word == "--volume"]
    assert sorted(one.partition(":")[0] for one in mounts) == sorted(
        [
            str(tmp_path),
            str(git_repo.path),
            f"{git_repo.path}@tmp",
            f"{tmp_path}/docker",
            "/var/run/docker.sock",
        ]
    )
    names = {argv[number + 1] for number, word in enumerate(argv) if word == "--env"}
    assert {"https_proxy", "SECRET_TOKEN", "TAG_NAME"} <= names
    assert not names & {"XDG_CACHE_HOME", "HOME", "PATH", "_"}


STAND_IN = """#!{python}
import json, os, sys
argv = sys.argv[1:]
open({argv!r}, "w").write(json.dumps(argv))
env, words = {{"PATH": os.environ["PATH"]}}, argv[1:]
while words[0].startswith("--"):
    option = words.pop(0)
    if option in ("--rm", "--init"):
        continue
    value = words.pop(0)
    if option == "--env":
        name, equals, text = value.partition("=")
        env[name] = text if equals else os.environ[name]
    if option == "--workdir":
        os.chdir(value)
os.execve(words[1], words[1:], env)
"""


class TestSource:
    """Rules for the step's Groovy source, such as those of Jenkins' sandbox, which the harness cannot test."""

    SOURCE = (VARS / "shipmark.groovy").read_text(encoding="utf-8")

    def test_jenkins_step_reads_every_value_of_the_result_file(self) -> None:
        read = set(re.findall(r"(SHIPMARK_[A-Z_]+): '", self.SOURCE))
        assert read == {f"SHIPMARK_{name.upper().replace('-', '_')}" for name in RESULT_NAMES}

    @pytest.mark.parametrize(
        "forbidden",
        ["new File", ".execute(", "System.", "JsonSlurper", "@NonCPS", ".each", "returnStdout", "evaluate("],
    )
    def test_source_of_the_jenkins_step_uses_nothing_that_the_sandbox_refuses(self, forbidden: str) -> None:
        assert forbidden not in self.SOURCE

    def test_shell_script_of_the_jenkins_step_is_not_interpolated_by_groovy(self) -> None:
        (script,) = re.findall(r"script: '''(.*?)'''", self.SOURCE, re.DOTALL)
        assert script.startswith("#!/bin/sh\n")
        assert not re.search(r'script: *"', self.SOURCE)

    def test_help_page_of_the_jenkins_step_names_every_option_and_result(self) -> None:
        text = (VARS / "shipmark.txt").read_text(encoding="utf-8")
        ElementTree.fromstring(f"<div>{text}</div>")
        table = re.findall(r"Map given = \[\n(.*?)\n    \]\n", self.SOURCE, re.DOTALL)[0]
        options = re.findall(r"(\w+): ", table)
        results = re.findall(r"SHIPMARK_[A-Z_]+: '(\w+)'", self.SOURCE)
        assert len(options) >= 20
        for name in [*options, *results, "exitCode"]:
            assert re.search(rf"\b{name}\b", text), name

    def test_example_jenkinsfile_checks_out_tags_and_history(self) -> None:
        for name in ("Jenkinsfile", "change.Jenkinsfile", "prune.Jenkinsfile"):
            example = (ROOT / "ci" / "jenkins" / name).read_text(encoding="utf-8")
            assert "cloneOption(noTags: false, shallow: false, depth: 0, reference: '')" in example
            assert "[$class: 'PruneStaleTag', pruneTags: true]" in example
            assert not re.search(r'\bsh\s*\(?\s*"', example)
