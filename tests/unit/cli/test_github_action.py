"""The translation of the inputs of `action.yml` into a command line; `action.yml` and the code agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci.outputs import NAMES
from release.cli.github_action import COMMANDS, INPUTS, arguments
from release.errors import ConfigError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return document


class TestArguments:
    def test_empty_inputs_run_preview_in_the_working_directory(self) -> None:
        assert arguments({}) == ["-C", ".", "preview"]

    def test_all_inputs_become_arguments(self) -> None:
        env = {
            "INPUT_COMMAND": "run",
            "INPUT_IMAGES": "ghcr.io/acme/app\n\n  docker.io/acme/app\r\n",
            "INPUT_CONFIG": "ci/shipmark.yml",
            "INPUT_WORKING_DIRECTORY": "services/api",
            "INPUT_ARGS": "--reuse\n--reason=two words; $(id)\n",
        }
        assert arguments(env) == [
            *("-C", "services/api", "--config", "ci/shipmark.yml", "run"),
            *("--image=ghcr.io/acme/app", "--image=docker.io/acme/app"),
            *("--reuse", "--reason=two words; $(id)"),
        ]

    def test_action_command_version_is_run_without_images(self) -> None:
        assert arguments({"INPUT_COMMAND": "version", "INPUT_IMAGES": "a/b"}) == ["-C", ".", "version"]

    @pytest.mark.parametrize("command", ["prune", "run; id", "--help", "Run"])
    def test_commands_other_than_those_of_the_action_are_refused(self, command: str) -> None:
        with pytest.raises(ConfigError) as raised:
            arguments({"INPUT_COMMAND": command})
        assert command in raised.value.message
        assert "`preview`" in (raised.value.hint or "")

    @given(
        images=st.lists(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"])))
    )
    def test_each_line_of_the_input_images_becomes_one_image_option(self, images: list[str]) -> None:
        found = arguments({"INPUT_IMAGES": "\n".join(images)})[3:]
        assert found == [f"--image={image.strip()}" for image in images if image.strip()]


class TestContract:
    def test_inputs_of_action_yml_are_those_that_the_code_reads(self, action: dict[str, Any]) -> None:
        assert set(action["inputs"]) == {*INPUTS, "summary"}
        (step,) = (step for step in action["runs"]["steps"] if "run" in step)
        variables = {name: value for name, value in step["env"].items() if name.startswith("INPUT_")}
        expected = {**INPUTS, "summary": "INPUT_SUMMARY"}
        assert variables == {variable: f"${{{{ inputs.{name} }}}}" for name, variable in expected.items()}

    def test_outputs_of_action_yml_are_those_that_the_code_writes(self, action: dict[str, Any]) -> None:
        assert tuple(action["outputs"]) == NAMES
        for name, output in action["outputs"].items():
            assert output["value"] == f"${{{{ steps.shipmark.outputs.{name} }}}}"
            assert output["description"]

    def test_commands_of_the_action_are_documented_in_action_yml(self, action: dict[str, Any]) -> None:
        assert re.findall(r"`(\w+)`", action["inputs"]["command"]["description"]) == [
            "preview",
            "run",
            "run",
            "tags",
            "version",
        ]
        assert set(COMMANDS) == {"preview", "run", "tags", "version"}
        assert action["inputs"]["command"]["default"] == "preview"

    def test_scripts_of_action_yml_hold_no_expression_and_used_actions_are_pinned(
        self, action: dict[str, Any]
    ) -> None:
        for step in action["runs"]["steps"]:
            assert "${{" not in step.get("run", "")
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
            assert step["id"]

    def test_runtime_lock_agrees_with_the_lock_of_development(self) -> None:
        locked = pins(ROOT / "requirements.lock")
        runtime = pins(ROOT / "ci" / "runtime.lock")
        assert runtime == {name: locked[name] for name in runtime}
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        needed = re.findall(
            r'^  "([A-Za-z][A-Za-z0-9-]*)', project.split("dependencies = [")[1].split("]\n")[0], re.MULTILINE
        )
        assert {name.lower() for name in needed} | {"hatchling"} <= set(runtime)


def pins(path: Path) -> dict[str, str]:
    """Return package -> version of a lock file."""
    return dict(re.findall(r"^([a-z][a-z0-9-]*)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
