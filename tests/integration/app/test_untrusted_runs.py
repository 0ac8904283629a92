"""Runs for an outsider's pull request: listeners record whether the real command sends them any credential."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.build_spec import BuildSpec
from release.config.model import ComponentSection, ConfigFile, LogSection, TargetSection
from tests.support.programs.command import Result, Shipmark
from tests.support.programs.composite import read_outputs
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.releases.git import GitRepo
from tests.support.releases.incomplete import add_submodule

GOLDEN = Path(__file__).parents[2] / "unit" / "ci" / "golden"
SECRETS = ("hunter2-token", "hunter2-file", "hunter2-helper", "hunter2-env", "hunter2-log", "hunter2-git")
FILES = {"Dockerfile": "FROM scratch\nCOPY hello.txt /hello.txt\n", "hello.txt": "hello\n"}

FORK = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app", "GITHUB_EVENT_NAME": "pull_request"}


def golden(wanted: tuple[str, ...]) -> list[str]:
    """Return the recorded CI events whose head commit has one of the given origins."""
    cases = {path.stem: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))}
    return [name for name, case in cases.items() if case["context"].get("head_origin") in wanted]


class Scene:
    """A repository, and a machine that may have credentials, on which the test runs shipmark."""

    def __init__(self, repo: GitRepo, shipmark: Shipmark, folder: Path) -> None:
        self.repo = repo
        self.folder = folder
        self._shipmark = shipmark
        self.trap = folder / "helper-ran"

    def arm(self, host: str) -> dict[str, str]:
        """Put a credential for `host` into a variable, Docker's file and a helper; returns the environment."""
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        helper = programs / "docker-credential-trap"
        helper.write_text(
            f'#!/bin/sh\ntouch "{self.trap}"\necho \'{{"Username":"u","Secret":"hunter2-helper"}}\'\n'
        )
        helper.chmod(0o755)
        home = Path(self._shipmark.env["HOME"])
        (home / ".docker").mkdir(exist_ok=True)
        auth = base64.b64encode(b"u:hunter2-file").decode()
        config = {"auths": {host: {"auth": auth}}, "credsStore": "trap"}
        (home / ".docker" / "config.json").write_text(json.dumps(config))
        name = host.replace(".", "_").replace(":", "___")
        return {
            "PATH": f"{programs}:{self._shipmark.env['PATH']}",
            f"SHIPMARK_REGISTRY_{name}_TOKEN": "hunter2-token",
            "SHIPMARK_LOG_TOKEN": "hunter2-log",
            "SHIPMARK_LOG_URL": f"postgresql://u:hunter2-log@{host}/log",
            "SUPERSECRET": "hunter2-env",
            "GITHUB_TOKEN": "hunter2-env",
            "MYHOST": host,
        }

    def event(self, head: str = "mallory/app") -> dict[str, str]:
        """Return the variables of a GitHub pull request whose head commit is in the repository `head`."""
        path = self.folder / "event.json"
        repositories = {"head": {"repo": {"full_name": head}}, "base": {"repo": {"full_name": "acme/app"}}}
        path.write_text(json.dumps({"pull_request": {"number": 12, **repositories}}))
        return {**FORK, "GITHUB_REF": "refs/pull/12/merge", "GITHUB_EVENT_PATH": str(path)}

    def __call__(self, *args: str, env: dict[str, str]) -> Result:
        return self._shipmark(*args, cwd=self.repo.path, env=env)

    def configure(self, text: str) -> None:
        """Commit `text` as shipmark.yml."""
        self.repo.commit("config", files={**FILES, "shipmark.yml": text})


@pytest.fixture
def scene(make_repo: Callable[[str], GitRepo], shipmark: Shipmark, tmp_path: Path) -> Scene:
    return Scene(make_repo("repo"), shipmark, tmp_path)


def wants_a_credential(request: Request) -> Reply:
    """Answer 401 to every request, as a registry does, so that a client with a credential sends it."""
    del request
    return Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'}, body=b"{}")


@pytest.fixture
def listener() -> Iterator[HostileServer]:
    server = HostileServer(wants_a_credential)
    yield server
    server.close()


def heard(server: HostileServer) -> str:
    """Return everything that the server received as text, with basic credentials decoded."""
    lines = []
    for request in server.requests:
        sent = request.headers.get("authorization", "")
        lines += [request.method, request.path, str(dict(request.headers)), request.body.decode("latin-1")]
        if sent.lower().startswith("basic "):
            lines.append(base64.b64decode(sent[6:]).decode("latin-1"))
    return "\n".join(lines)


def leaked(server: HostileServer) -> list[str]:
    text = heard(server)
    return [secret for secret in SECRETS if secret in text] + (
        ["authorization"] if "authorization" in text.lower() else []
    )


class TestEverySystem:
    @pytest.mark.parametrize("name", golden(("foreign", "unknown")))
    def test_untrusted_preview_and_run_send_no_credential_and_exit_0(
        self, scene: Scene, listener: HostileServer, name: str
    ) -> None:
        case = json.loads((GOLDEN / f"{name}.json").read_text())
        scene.configure(f"image: {listener.host}/acme/app\n")
        path = scene.folder / "event.json"
        path.write_text(json.dumps(case["event"]))
        env = {**scene.arm(listener.host), **case["env"]}
        if "GITHUB_EVENT_PATH" in env:
            env["GITHUB_EVENT_PATH"] = str(path if case["event"] is not None else scene.folder / "none.json")
        for command in ("preview", "run"):
            result = scene(command, "--json", env=env)
            assert result.code == 0, result.stderr
            assert ("not asked (untrusted)" in result.stderr) == (command == "preview")
            assert result.json["trust"]["verdict"] in ("foreign", "untold")
            (release,) = result.json["releases"]
            assert release["decision"]["tags"] == []
            assert release["decision"]["withheld"]
        assert listener.requests  # it was asked, by nobody in particular
        assert leaked(listener) == []
        assert not scene.trap.exists()

    @pytest.mark.parametrize("event", ["missing", "malformed", "deep", "number"])
    def test_pull_request_without_a_usable_event_file_is_not_trusted(
        self, scene: Scene, listener: HostileServer, event: str
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        texts = {"malformed": "{", "deep": '{"pull_request":' * 3000, "number": "12"}
        env = {**scene.arm(listener.host), **scene.event()}
        Path(env["GITHUB_EVENT_PATH"]).unlink()
        if event in texts:
            Path(env["GITHUB_EVENT_PATH"]).write_text(texts[event])
        result = scene("preview", "--json", env=env)
        assert (result.code, result.json["trust"]["verdict"]) == (0, "untold"), result.stderr
        assert leaked(listener) == []


class TestTrustedTwin:
    """Control group: a run for a pull request from the repository itself sends credentials to their own hosts."""

    def test_credential_of_a_trusted_pull_request_goes_to_its_registry(
        self, scene: Scene, listener: HostileServer, registry_factory: RegistryFactory
    ) -> None:
        server: RegistryServer = registry_factory(auth="basic")
        scene.configure(f"images: [{server.host}/acme/app, {listener.host}/acme/app]\npull_requests: true\n")
        env = {**scene.arm(listener.host), **scene.event("acme/app")}
        result = scene("preview", env=env)
        assert result.code == 5  # the listener lets nobody in
        assert "hunter2-token" in heard(listener)
        assert "hunter2" not in result.stdout + result.stderr

    def test_credential_helper_is_started_in_a_trusted_run(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        env = {name: text for name, text in scene.arm(listener.host).items() if "REGISTRY" not in name}
        scene("preview", env=env)
        assert scene.trap.exists()
        assert "hunter2-helper" in heard(listener)

    def test_run_pushes_tags_for_a_pull_request_of_the_repository_itself_and_not_for_a_fork(
        self, scene: Scene, registry_factory: RegistryFactory
    ) -> None:
        server: RegistryServer = registry_factory(auth="basic")
        scene.configure(f"image: {server.host}/acme/app\npull_requests: true\nbuild: {{builder: layers}}\n")
        name = f"SHIPMARK_REGISTRY_{server.host.replace('.', '_').replace(':', '___')}"
        env = {f"{name}_PASSWORD": str(server.password), f"{name}_USERNAME": str(server.username)}
        assert scene("run", env={**env, **scene.event()}).code == 0
        assert server.tags("acme/app") == {}
        result = scene("run", env={**env, **scene.event("acme/app")})
        assert result.code == 0, result.stderr
        assert "pr-12" in server.tags("acme/app")


def hostile_values(host: str) -> dict[str, list[Any]]:
    """Return hostile values by config key; the key `*` has the values for all other keys."""
    inside = [
        f"{host}/${{SUPERSECRET}}",
        f"{host}/{{{{env.SUPERSECRET}}}}",
        "${SUPERSECRET}",
        f"http://{host}/",
    ]
    return {
        "image": [f"{host}/x/${{SUPERSECRET}}", "${MYHOST}/x", f"{host}/x"],
        "images": [[f"{host}/x/${{SUPERSECRET}}", {"image": f"{host}/y", "insecure": True}]],
        "log": [
            {"store": "sql", "url": f"postgresql://u:${{SUPERSECRET}}@{host}/${{SUPERSECRET}}"},
            {"store": "git", "remote": f"http://{host}/x", "ref": "refs/x"},
            {"store": "sql"},
            {"path": f"../${{SUPERSECRET}}{host}"},
        ],
        "components": [{"a": {"image": f"{host}/${{SUPERSECRET}}", "labels": {"x": "{{env.SUPERSECRET}}"}}}],
        "labels": [{"x": text} for text in inside],
        "annotations": [{"x": text} for text in inside],
        "tags": [["type=raw,value={{env.SUPERSECRET}}"], ["type=sha"]],
        "build": [
            {"args": {"A": "${SUPERSECRET}"}},
            {"args": {"A": f"http://{host}/${{SUPERSECRET}}"}},
            *({name: text} for name in ("context", "dockerfile", "target", "builder") for text in inside),
        ],
        "*": inside,
    }


class TestEveryKey:
    @pytest.mark.parametrize("key", sorted(ConfigFile.__struct_fields__))
    def test_hostile_config_value_of_an_untrusted_run_sends_no_credential_to_any_host(
        self, scene: Scene, listener: HostileServer, key: str
    ) -> None:
        env = {**scene.arm(listener.host), **scene.event()}
        values = hostile_values(listener.host)
        for value in values.get(key, values["*"]):
            config = {"image": f"{listener.host}/acme/app", key: value}
            if key == "images":
                del config["image"]
            scene.configure(json.dumps(config))
            # What `run` and `version` read of it, `preview` and `tags` read too.
            for command in ("preview", "tags", "metadata"):
                result = scene(command, env=env)
                assert result.code in (0, 2, 4), (value, result.stderr)
                assert not any(secret in result.stdout + result.stderr for secret in SECRETS)
            assert leaked(listener) == [], value
            assert not any(secret in heard(listener) for secret in SECRETS)
        assert not scene.trap.exists()

    def test_sections_of_the_config_have_the_keys_for_which_hostile_values_are_tested(self) -> None:
        sections = (ConfigFile, ComponentSection, TargetSection, BuildSpec, LogSection)
        known = {name for section in sections for name in section.__struct_fields__}
        assert {"image", "url", "args", "insecure"} <= known


class TestContext:
    def test_keep_git_in_a_forks_config_is_ignored_and_a_dockerfile_that_copies_git_is_no_error(
        self, scene: Scene
    ) -> None:
        """`.git/config` may hold the CI's token; and pull requests to projects that need `.git` must not fail."""
        scene.configure("image: oci:dist/image\nbuild: {builder: layers, keep_git: true}\n")
        scene.repo.commit(files={"Dockerfile": "FROM scratch\nCOPY .git /g\n"})
        result = scene("preview", env=scene.event())
        assert result.code == 0, result.stderr
        assert "can be built here with `layers`" in result.stdout
        assert re.search("not asked \\(untrusted\\): .*`build.keep_git`", result.stderr)

    def test_preview_of_an_untrusted_run_refuses_a_missing_submodule_that_the_build_reads(
        self, scene: Scene, make_repo: Callable[[str], GitRepo], tmp_path: Path, shipmark: Shipmark
    ) -> None:
        inner = make_repo("inner")
        inner.commit(files={"i": ""})
        scene.configure("image: oci:dist/image\nbuild: {builder: layers, allow_missing: [lib]}\n")
        scene.repo.commit(files={"Dockerfile": "FROM scratch\nCOPY . /\n"})
        add_submodule(scene.repo, inner, "lib")
        add_submodule(scene.repo, inner, "other")
        clone = Scene(scene.repo.clone(tmp_path / "clone"), shipmark, tmp_path)
        result = clone("preview", env=scene.event())
        assert result.code == 3
        assert "the submodule `other` is not checked out" in result.stderr
        assert "`with: {submodules: recursive}` on `actions/checkout`" in result.stderr


class TestNothingIsWritten:
    def test_untrusted_commands_write_only_the_summary_and_the_result_file(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\nlog: {{path: log.jsonl}}\n")
        outputs, summary = scene.folder / "outputs", scene.folder / "summary"
        env = {
            **scene.arm(listener.host),
            **scene.event(),
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        before = sorted(os.listdir(scene.repo.path))
        for command in (("preview", "-o", "plan.json"), ("run", "--wait"), ("preview",)):
            assert scene(*command, env=env).code == 0
        assert sorted(os.listdir(scene.repo.path)) == before
        assert not outputs.exists()
        assert "withheld" in summary.read_text()
        assert scene("run", "--result-file", "result.env", env=env).code == 0
        assert "SHIPMARK_PUSHED=false" in (scene.repo.path / "result.env").read_text()

    @pytest.mark.parametrize("command", ["preview", "run", "tags", "version"])
    @pytest.mark.parametrize("head", ["mallory/app", "acme/app"])
    def test_only_a_trusted_run_gives_outputs_to_later_steps(
        self, scene: Scene, tmp_path: Path, head: str, command: str
    ) -> None:
        scene.configure("image: oci:dist/image\nbuild: {builder: layers}\n")
        outputs = tmp_path / "outputs"
        done = scene(command, env={**scene.event(head), "GITHUB_OUTPUT": str(outputs)})
        assert done.code == 0, done.stderr
        assert outputs.exists() == (head == "acme/app")
        said = (
            "later steps get no outputs: this run is not trusted, because pull request 12 comes from another"
        )
        assert (said in done.stderr) == (head != "acme/app")

    def test_outputs_of_metadata_hold_what_the_workflow_names_and_nothing_of_an_outsiders_config(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        config = (
            "image: ghcr.io/acme/production\ntags: ['type=raw,value=latest']\nlabels: {mallory: was-here}\n"
        )
        scene.configure(config)
        for head, tags, labelled in (
            ("mallory/app", "ghcr.io/acme/app:pr-12", False),
            ("acme/app", "ghcr.io/acme/app:latest", True),
        ):
            outputs = tmp_path / head.partition("/")[0]
            env = {**scene.event(head), "GITHUB_OUTPUT": str(outputs), "RUNNER_TEMP": str(tmp_path)}
            done = scene("metadata", "--images", "ghcr.io/acme/app", "--github-output", env=env)
            assert done.code == 0, done.stderr
            given = read_outputs(outputs.read_text())
            assert given["tags"] == tags
            assert ("was-here" in outputs.read_text()) == labelled
            assert ("shipmark.yml is not read for outputs" in done.stderr) != labelled
            # What is only printed says what the config would give.
            assert scene("metadata", "--output", "tags", env=env).stdout == "ghcr.io/acme/production:latest\n"

    def test_untrusted_run_prints_one_warning_and_connects_to_no_registry(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        result = scene("run", env={**scene.arm(listener.host), **scene.event()})
        assert (result.code, result.stdout) == (0, "")
        assert result.stderr.replace("::warning::", "warning: ") == (
            "warning: nothing is released: this run is not trusted, because pull request 12 comes from another "
            "repository, according to `event.pull_request.head.repo.full_name`\n"
        )
        assert not listener.requests

    def test_version_tag_at_head_is_released_only_by_a_trusted_run(
        self, scene: Scene, registry_server: RegistryServer
    ) -> None:
        scene.configure(f"image: {registry_server.host}/acme/app\nbuild: {{builder: layers}}\n")
        scene.repo.tag("v1.4.2")
        path = scene.folder / "event.json"
        run: dict[str, Any] = {"head_repository": {"full_name": "mallory/app"}, "head_branch": "main"}
        path.write_text(json.dumps({"workflow_run": run, "repository": {"full_name": "acme/app"}}))
        env = {**FORK, "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_EVENT_PATH": str(path)}
        env["GITHUB_REF"] = "refs/heads/main"
        assert scene("run", "--version", "9.9.9", "--reason", "x", env=env).code == 0
        assert scene("run", env=env).code == 0
        assert registry_server.tags("acme/app") == {}
        shown = scene("preview", env=env)
        withheld = (
            r"^  sha-[0-9a-f]{12} +withheld  the commit behind `workflow_run` comes from another repository"
        )
        assert re.search(withheld, shown.stdout, re.MULTILINE)
        run.update(head_repository={"full_name": "acme/app"}, head_branch="v1.4.2")
        path.write_text(json.dumps({"workflow_run": run, "repository": {"full_name": "acme/app"}}))
        assert scene("run", env=env).code == 0
        assert "1.4.2" in registry_server.tags("acme/app")


class TestBuild:
    def test_untrusted_preview_does_not_read_the_docker_config_file(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        """Docker's config file is a named pipe here: opening it would block the run."""
        scene.configure(f"image: {listener.host}/acme/app\n")
        scene.repo.commit("run", files={"Dockerfile": "FROM scratch\nRUN true\n"})
        with socket.create_server(("127.0.0.1", 0)) as daemon:
            env = {**scene.arm(listener.host), **scene.event()}
            env["DOCKER_HOST"] = f"tcp://127.0.0.1:{daemon.getsockname()[1]}"
            config = scene.folder / "home" / ".docker" / "config.json"
            config.unlink()
            os.mkfifo(config)
            result = scene("preview", env=env)
        assert (result.code, "can be built here with `docker`" in result.stdout) == (0, True), result.stderr

    def test_untrusted_preview_finds_buildx_and_does_not_start_it(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        scene.repo.commit("run", files={"Dockerfile": "FROM scratch\nRUN true\n"})
        env = {**scene.arm(listener.host), **scene.event(), "DOCKER_HOST": "unix:///nowhere.sock"}
        buildx = scene.folder / "programs" / "buildx"
        buildx.write_text(f'#!/bin/sh\ntouch "{scene.trap}"\n')
        buildx.chmod(0o755)
        env["SHIPMARK_BUILDX"] = str(buildx)
        result = scene("preview", env=env)
        assert (result.code, "can be built here with `buildkit`" in result.stdout) == (0, True), result.stderr
        assert not scene.trap.exists()

    def test_missing_dockerfile_in_an_untrusted_preview_is_a_build_error(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\nbuild: {{dockerfile: Missing}}\n")
        result = scene("preview", env={**scene.arm(listener.host), **scene.event()})
        assert result.code == 4
        assert "Missing" in result.stderr

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            ("target: none", "`Dockerfile` has no stage `none`"),
            ("platforms: [x86]", "`x86` is not a platform"),
        ],
    )
    def test_unknown_stage_or_platform_in_an_untrusted_preview_is_a_build_error(
        self, scene: Scene, listener: HostileServer, build: str, message: str
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\nbuild: {{{build}}}\n")
        result = scene("preview", env={**scene.arm(listener.host), **scene.event()})
        assert (result.code, f"error: {message}\n" in result.stderr) == (4, True), result.stderr

    def test_untrusted_preview_of_an_image_that_no_builder_can_build_here_exits_0(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        scene.repo.commit("run", files={"Dockerfile": "FROM scratch\nRUN true\n"})
        env = {**scene.arm(listener.host), **scene.event(), "DOCKER_HOST": "unix:///nowhere.sock"}
        result = scene("preview", env=env)
        assert (result.code, "cannot be built here" in result.stdout) == (0, True), result.stderr
        assert (
            "cannot be built here: `buildah`: `buildah` is not installed; `buildkit`: neither `buildx` nor"
            in (result.stdout)
        )
        assert "; `docker`: the docker daemon at `unix:///nowhere.sock`" in result.stdout
        assert "; `layers`: Dockerfile:2: the builder `layers` does not support `RUN`" in result.stdout

    def test_untrusted_preview_names_what_it_ignores_of_the_config_and_of_the_command_line(
        self, scene: Scene
    ) -> None:
        scene.configure("image: ${REGISTRY_HOST}/acme/app\n")
        result = scene("preview", "--version", "9.0.0", "--reason", "x", env=scene.event())
        assert result.code == 0, result.stderr
        assert "not asked (untrusted): `--version`, `--reason`, because" in result.stderr
        assert "not asked (untrusted): `image` of `shipmark.yml`" in result.stderr


#: Commands that change what others see.
REFUSED = [
    ("promote", "HOST/acme/app:1", "--to", "HOST/acme/other"),
    ("promote", "HOST/acme/app:1", "--to", "HOST/acme/other", "--preview"),
    ("rollback", "--to", "1.0.0", "--reason", "x"),
    ("deployed", "production", "HOST/acme/app:1"),
    ("image", "tag", "HOST/acme/app:1", "2"),
    ("image", "delete", "HOST/acme/app:1"),
    ("image", "copy", "HOST/acme/app:1", "HOST/acme/app:2"),
    ("log", "recover"),
    ("log", "adopt"),
    ("log", "rebuild"),
    ("log", "import", "file"),
    ("log", "copy", "--from", "file:a", "--to", "sql:postgresql://u@HOST/x"),
    ("log", "migrate"),
    ("log", "verify"),
    ("version", "--next", "minor", "--create"),
]


class TestOtherCommands:
    @pytest.mark.parametrize("argv", REFUSED, ids=lambda argv: " ".join(argv[:3]))
    def test_untrusted_run_refuses_commands_that_change_registries_or_logs(
        self, scene: Scene, listener: HostileServer, argv: tuple[str, ...]
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        env = {**scene.arm(listener.host), **scene.event()}
        result = scene(*(one.replace("HOST", listener.host) for one in argv), env=env)
        assert result.code == 6, result.stderr
        assert "pull request 12 comes from another repository" in result.stderr
        assert "hint: run the command for a push, a tag or by hand" in result.stderr
        assert not listener.requests
        assert not scene.repo.git("tag")

    def test_untrusted_image_commands_read_without_a_credential(
        self, scene: Scene, listener: HostileServer
    ) -> None:
        scene.configure(f"image: {listener.host}/acme/app\n")
        env = {**scene.arm(listener.host), **scene.event()}
        for command in ("list", "inspect", "login-check"):
            result = scene("image", command, f"{listener.host}/acme/app", env=env)
            assert result.code == 5
            assert "this run is not trusted" in result.stderr + result.stdout
        assert leaked(listener) == []

    def test_log_list_of_an_untrusted_run_shows_no_release(self, scene: Scene) -> None:
        scene.configure("log: {path: log.jsonl}\nimage: a.example/b\n")
        scene.repo.commit("log", files={"log.jsonl": "nonsense", ".shipmark/log.jsonl": "nonsense"})
        result = scene("log", "list", env=scene.event())
        assert (result.code, result.stdout) == (0, "no release\n")
        assert "the version log is not asked (untrusted)" in result.stderr


class TestRemote:
    @pytest.mark.parametrize("trusted", [False, True])
    def test_git_remote_is_contacted_only_by_a_trusted_run(
        self, scene: Scene, listener: HostileServer, trusted: bool
    ) -> None:
        """The clone's git config has a token for `origin`, as actions/checkout leaves it."""
        scene.configure("image: oci:dist/image\nlog: {store: git}\n")
        scene.repo.git("remote", "add", "origin", f"{listener.url}/acme/app.git")
        scene.repo.git("config", f"http.{listener.url}/.extraheader", "Authorization: Basic aHVudGVyMi1naXQ=")
        env = {**scene.arm(listener.host), **scene.event("acme/app" if trusted else "mallory/app")}
        result = scene("preview", "--deepen", env=env)
        assert bool(listener.requests) == trusted, result.stderr
        if not trusted:
            assert result.code == 0
            assert "`--deepen` is left out" in result.stderr


class TestLogToken:
    """SHIPMARK_LOG_TOKEN goes to the host of the log's remote."""

    def test_log_token_is_not_sent_to_a_redirected_host(self, scene: Scene, listener: HostileServer) -> None:
        """Git would send the token to the redirect's host, with the request after the redirected one."""
        own: list[str] = []

        def moved(request: Request) -> Reply:
            own.append(request.headers.get("authorization", ""))
            return Reply(status=301, headers={"Location": f"http://localhost:{listener.port}{request.path}"})

        remote = HostileServer(moved)
        try:
            scene.configure("image: oci:dist/image\nlog: {store: git}\n")
            scene.repo.git("remote", "add", "origin", f"{remote.url}/acme/app.git")
            token = base64.b64encode(b"x-access-token:hunter2-log").decode()
            result = scene("log", "list", env={"SHIPMARK_LOG_TOKEN": "hunter2-log"})
        finally:
            remote.close()
        assert own[-1] == f"Basic {token}"
        assert not listener.requests
        assert result.code != 0
        assert "hint: the remote redirects, and its credential is not sent on" in result.stderr
        assert "hunter2" not in result.stderr


def test_untrusted_preview_reads_a_base_image_without_a_credential_and_offline_not_at_all(
    scene: Scene, listener: HostileServer
) -> None:
    dockerfile = f"FROM {listener.host}/base:1\nCOPY hello.txt /\n"
    scene.repo.commit(
        "base",
        files={"Dockerfile": dockerfile, "hello.txt": "", "shipmark.yml": "image: oci:dist/image\n"},
    )
    env = {**scene.arm(listener.host), **scene.event()}
    offline = scene("preview", "--offline", env=env)
    assert offline.code == 0
    assert listener.requests == []
    assert "`layers`: Dockerfile:1: the builder `layers` reads no base image here" in offline.stdout
    result = scene("preview", env=env)
    assert result.code == 0
    assert "cannot be built here" in result.stdout
    assert listener.requests
    assert not [secret for secret in SECRETS if secret in heard(listener) + result.stdout + result.stderr]
    assert not scene.trap.exists()
