"""Control tests: each check of the hostile suite detects a violation, and the tables of cases are complete."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from release.config.model import config_schema
from tests.integration.hostile import rows_config, rows_faults
from tests.integration.hostile.listener import Listener, readings
from tests.integration.hostile.scene import COMMANDS, Case, Ended, Forks, Scene, changed, secret_of
from tests.support.services.required import program


@pytest.fixture
def quiet(tmp_path: Path, listener: Listener) -> Scene:
    """Give a scene whose workspace is not hostile."""
    listener.take()
    return Scene(Case("quiet"), tmp_path / "scene", listener)


def test_workspace_that_is_not_hostile_is_released(quiet: Scene, forks: Forks) -> None:
    for command in ("tags", "version", "preview", "log list", "run"):
        done = forks.run(quiet, command)
        quiet.judge(done)
        assert done.code == 0, done
    assert (quiet.clone / "dist" / "image" / "index.json").exists()


def test_command_in_a_new_process_has_the_result_of_the_forked_one(quiet: Scene, forks: Forks) -> None:
    from tests.support.programs.command import Shipmark

    shipmark = Shipmark(quiet.clone, quiet.home)
    for command in COMMANDS:
        forked = forks.run(quiet, command)
        real = shipmark(*quiet.argv(command), cwd=quiet.clone, env=quiet.environment())
        assert (forked.code, forked.stdout) == (real.code, real.stdout) or command == "run"


@pytest.mark.parametrize(
    "case",
    [case for case in rows_faults.CASES if case.name.startswith(("W1-", "W2-"))],
    ids=lambda case: case.name,
)
def test_hostile_git_settings_run_the_trap_with_plain_git_and_the_check_finds_it(
    case: Case, tmp_path: Path, listener: Listener
) -> None:
    scene = Scene(case, tmp_path / "scene", listener)
    bare = scene.clone / ("vendor/lib" if case.inside != "." else ".shipmark/cache/log.git")
    arguments = ["status"] if case.inside != "." else ["--git-dir=.", "fetch", "log"]
    if case.name == "W1-ext-instead-of":
        arguments = ["--git-dir=.", "-c", "protocol.ext.allow=always", "ls-remote", "file:///x"]
    subprocess.run(
        [program("git"), *arguments],
        cwd=bare,
        env=scene.repo.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert scene.mark.exists()
    with pytest.raises(AssertionError, match="a command of the workspace ran"):
        scene.judge(Ended("tags", 3 if case.inside != "." else 0, "", "error: shipmark never enters one"))


@pytest.mark.parametrize(
    ("config", "env"),
    [
        (
            "image: '@LISTENER@/acme/app'\n",
            {"SHIPMARK_REGISTRY_127_0_0_1___@PORT@_PASSWORD": secret_of("EXTRA")},
        ),
        (
            rows_faults.TWIN,
            {
                "SHIPMARK_REGISTRY_REGISTRY__EXAMPLE_COM_TOKEN": secret_of("EXTRA"),
                "HTTP_PROXY": "http://@LISTENER@",
                "HTTPS_PROXY": "http://@LISTENER@",
            },
        ),
    ],
    ids=["own-host", "through-the-proxy"],
)
def test_secret_that_is_sent_to_the_listener_is_found_by_the_check(
    config: str, env: dict[str, str], tmp_path: Path, listener: Listener, forks: Forks
) -> None:
    """The credential for the host that the config names is sent to the listener in base64, and the check finds it."""
    listener.take()
    scene = Scene(Case("own", config=config, env=env), tmp_path / "scene", listener)
    done = forks.run(scene, "preview")
    with pytest.raises(AssertionError, match=r"\['EXTRA'\] sent"):
        scene.judge(done)


@pytest.mark.parametrize("form", ["plain", "basic", "url", "urlsafe", "postgresql"])
def test_the_listener_finds_a_secret_in_every_encoding(listener: Listener, form: str) -> None:
    listener.take()
    secret = secret_of("SUPERSECRET")
    if form == "postgresql":
        with socket.create_connection(("127.0.0.1", listener.port)) as connection:
            body = b"\x00\x03\x00\x00user\x00u\x00database\x00x\x00\x00"
            connection.sendall((len(body) + 4).to_bytes(4, "big") + body)
            assert connection.recv(9)[:1] == b"R"
            connection.sendall(b"p" + (len(secret) + 5).to_bytes(4, "big") + secret.encode() + b"\x00")
            assert connection.recv(1) == b""
    else:
        values = {
            "plain": secret,
            "basic": "Basic " + base64.b64encode(f"user:{secret}".encode()).decode(),
            "url": "".join(f"%{byte:02x}" for byte in secret.encode()),
            "urlsafe": base64.urlsafe_b64encode(b"\xff\xfe" + secret.encode()).decode().rstrip("="),
        }
        request = urllib.request.Request(f"http://{listener.address}/token", headers={"X-Any": values[form]})
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
    assert secret.encode() in readings(listener.take())


def test_change_of_a_file_outside_of_the_workspace_is_found_by_the_check(quiet: Scene) -> None:
    def content(path: Path) -> None:
        path.write_text("x")

    changes: tuple[Any, ...] = (
        lambda: content(quiet.victim / "bashrc"),
        lambda: os.chmod(quiet.home / ".bashrc", 0o644),
        lambda: (quiet.victim / "old.run").unlink(),
        lambda: content(quiet.temp / "left"),
        lambda: content(quiet.folder / "beside"),
        lambda: os.utime(quiet.victim / "log.jsonl", (1, 1)),
    )
    for change in changes:
        quiet.outside = quiet._outside()
        change()
        with pytest.raises(AssertionError):
            quiet.judge(Ended("tags", 0, "", ""))


@pytest.mark.parametrize(
    ("code", "stdout", "stderr"),
    [
        (1, "", ""),
        (-11, "", ""),
        (0, "Traceback (most recent call last):", ""),
        (0, "", "hint: this is a defect of shipmark"),
        (0, "::pwn::x", ""),
        (0, "", "  ##[pwn]x"),
        (0, "a\x1b[2J", ""),
        (0, secret_of("NPM_TOKEN"), ""),
    ],
)
def test_wrong_exit_code_traceback_or_secret_in_the_output_is_found_by_the_check(
    quiet: Scene, code: int, stdout: str, stderr: str
) -> None:
    with pytest.raises(AssertionError):
        quiet.judge(Ended("tags", code, stdout, stderr))


def test_change_of_a_file_in_the_workspace_is_found_by_the_comparison(quiet: Scene) -> None:
    before = quiet.workspace_state()
    (quiet.clone / "hello").write_text("other")
    assert changed(before, quiet.workspace_state()) == ["hello"]


def test_every_key_of_the_config_has_a_hostile_workspace() -> None:
    definitions = config_schema()["$defs"]

    def keys(name: str) -> list[str]:
        return list(definitions[name]["properties"])

    wanted = {key for key in keys("ConfigFile") if key not in {"build", "bump", "retention"}}
    wanted |= {f"build.{key}" for key in keys("BuildSection")}
    wanted |= {f"log.{key}" for key in keys("LogSection")}
    wanted |= {f"images.{key}" for key in keys("TargetSection")}
    wanted |= {f"checks.{key}" for key in keys("CheckSection")}
    wanted |= {f"bump.{key}" for key in keys("BumpSection")}
    wanted |= {f"retention.{key}" for key in keys("RetentionSection")}
    assert wanted == set(rows_config.KEYS)
