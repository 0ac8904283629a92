"""The inputs of the actions become command lines; `action.yml` and the code agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci.outputs import NAMES
from release.cli.action import metadata
from release.cli.action.command_line import CHOICES, COMMANDS, KNOWN, arguments
from release.cli.action.inputs import VARIABLE, read_inputs
from release.cli.main import COMMANDS as EXISTING
from release.cli.output.metadata_outputs import OUTPUTS as METADATA_OUTPUTS
from release.errors import ConfigError

ROOT = Path(__file__).parents[4]
ACTIONS = ("action.yml", "ci/github/metadata/action.yml")
each_action = pytest.mark.parametrize("path", ACTIONS)


def loaded(path: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return document


class TestArguments:
    def test_empty_inputs_run_preview_in_the_working_directory(self) -> None:
        assert arguments({}) == ["-C", ".", "preview"]

    def test_inputs_of_a_release_become_arguments(self) -> None:
        inputs = {
            "command": "run",
            "image": "ghcr.io/acme/app",
            "images": "docker.io/acme/app\n\n  quay.io/acme/app\r\n",
            "config": "ci/shipmark.yml",
            "component": "api\nweb",
            "working-directory": "services/api",
            "from": "oci:dist/amd64\noci:dist/arm64",
            "reason": "two words; $(id)",
            "wait": "true",
            "allow-backward": "false",
            "args": "--deepen\n--json\n",
        }
        assert arguments(inputs) == [
            *("-C", "services/api", "--config", "ci/shipmark.yml", "run"),
            *("--image=ghcr.io/acme/app", "--image=docker.io/acme/app", "--image=quay.io/acme/app"),
            *("--component=api", "--component=web", "--from=oci:dist/amd64", "--from=oci:dist/arm64"),
            *("--reason=two words; $(id)", "--wait", "--deepen", "--json"),
        ]

    @pytest.mark.parametrize(
        ("inputs", "argv"),
        [
            ({"command": "version", "images": "a/b"}, ["version"]),
            ({"command": "log verify", "args": "--registry"}, ["log", "verify", "--registry"]),
            (
                {"command": "restore", "version": "-1", "reason": "fixed"},
                ["restore", "--reason=fixed", "--", "-1"],
            ),
            (
                {"command": "rollback", "to": "1.4.1", "reason": "it eats data", "line": "1.4"},
                ["rollback", "--reason=it eats data", "--to=1.4.1", "--line=1.4"],
            ),
            (
                {"command": "promote", "source": "a/b:1", "to": "c/d\ne/f:x", "allow-backward": "true"},
                ["promote", "--allow-backward", "--to=c/d", "--to=e/f:x", "--", "a/b:1"],
            ),
            ({"command": "run", "rebuild": "true"}, ["run", "--rebuild="]),
            ({"command": "run", "rebuild": "v1.4.2"}, ["run", "--rebuild=v1.4.2"]),
            ({"command": "build", "output": "oci:dist/x"}, ["build", "--output=oci:dist/x"]),
            (
                {"command": "metadata", "image": "a/b", "tags": "type=sha\ntype=edge"},
                ["metadata", "--images=a/b", "--tags=type=sha\ntype=edge", "--github-output"],
            ),
        ],
        ids=lambda value: value["command"] + str(len(value)) if isinstance(value, dict) else "",
    )
    def test_each_command_gets_the_arguments_of_its_inputs(
        self, inputs: dict[str, str], argv: list[str]
    ) -> None:
        assert arguments(inputs) == ["-C", ".", *argv]

    @pytest.mark.parametrize("command", ["prune", "run; id", "--help", "Run", "log export"])
    def test_commands_other_than_those_of_the_action_are_refused(self, command: str) -> None:
        with pytest.raises(ConfigError) as raised:
            arguments({"command": command})
        assert command in raised.value.message
        assert "`preview`" in (raised.value.hint or "")

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("imag", "`image`"),
            ("platform", "`platforms`"),
            ("build_args", "`build-args`"),
            ("cache-form", "`cache-from`"),
            ("push", "`command: run` pushes"),
            ("password", "docker/login-action"),
            ("zzz", "there are: allow-backward"),
        ],
    )
    def test_unknown_input_is_named_with_the_nearest_one(self, name: str, near: str) -> None:
        with pytest.raises(ConfigError) as raised:
            arguments({"command": "run", name: "x"})
        assert raised.value.message == f"the action has no input `{name}`"
        assert near in (raised.value.hint or "")

    @pytest.mark.parametrize(
        ("command", "name", "belongs"),
        [
            ("tags", "reason", "`preview`, `run`, `promote`, `rollback`, `restore`"),
            ("run", "source", "`promote`"),
            ("build", "version", "`preview`, `run`, `restore`"),
            ("run", "line", "`rollback`"),
        ],
    )
    def test_input_of_another_command_is_refused(self, command: str, name: str, belongs: str) -> None:
        with pytest.raises(ConfigError) as raised:
            arguments({"command": command, name: "x"})
        assert raised.value.message == f"`command: {command}` has no input `{name}`"
        assert belongs in (raised.value.hint or "")

    @pytest.mark.parametrize(
        ("inputs", "lacking"),
        [
            ({"command": "promote", "source": "1.0.0"}, "to"),
            ({"command": "rollback", "to": "1.0.0"}, "reason"),
            ({"command": "restore", "reason": "x"}, "version"),
        ],
    )
    def test_command_without_an_input_that_it_needs_is_refused_with_its_name(
        self, inputs: dict[str, str], lacking: str
    ) -> None:
        with pytest.raises(ConfigError, match=f"needs the input `{lacking}`"):
            arguments(inputs)
        assert arguments({**inputs, "args": "--other"})

    def test_input_that_is_neither_true_nor_false_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="`wait` is `yes`"):
            arguments({"command": "run", "wait": "yes"})

    @given(
        images=st.lists(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"])))
    )
    def test_each_line_of_the_input_images_becomes_one_image_option(self, images: list[str]) -> None:
        found = arguments({"images": "\n".join(images)})[3:]
        assert found == [f"--image={image.strip()}" for image in images if image.strip()]


class TestInputs:
    def test_names_are_read_in_lower_case_and_empty_inputs_are_left_out(self) -> None:
        env = {VARIABLE: json.dumps({"Command": "run", "tags": "", "sep-tags": " "})}
        assert read_inputs(env) == {"command": "run", "sep-tags": " "}

    @pytest.mark.parametrize("text", ["[1]", "{", '{"a": 1}', "null", "[" * 100_000])
    def test_text_that_is_no_object_of_texts_is_a_usage_error(self, text: str) -> None:
        with pytest.raises(ConfigError, match=VARIABLE):
            read_inputs({VARIABLE: text})

    def test_missing_variable_means_no_inputs(self) -> None:
        assert read_inputs({}) == {}


class TestMetadata:
    def test_inputs_of_the_drop_in_become_options_of_metadata(self) -> None:
        inputs = {"images": "a/b\nc/d", "sep-tags": ",", "github-token": "x", "nope": "y"}
        assert metadata.arguments(inputs) == [
            *("metadata", "--images=a/b\nc/d", "--sep-tags=,", "--github-output")
        ]
        assert metadata.warnings(inputs)[0].startswith("there is no input `nope`: there are: annotations")


class TestContract:
    def test_inputs_of_action_yml_are_those_that_the_code_reads(self) -> None:
        assert set(loaded(ACTIONS[0])["inputs"]) == set(KNOWN)
        assert set(loaded(ACTIONS[1])["inputs"]) == set(metadata.KNOWN)

    def test_outputs_of_action_yml_are_those_that_the_code_writes(self) -> None:
        main, drop_in = loaded(ACTIONS[0])["outputs"], loaded(ACTIONS[1])["outputs"]
        assert set(main) == {*NAMES, "comment-file", *METADATA_OUTPUTS}
        assert tuple(main)[: len(NAMES)] == NAMES
        assert set(drop_in) == set(METADATA_OUTPUTS)

    @each_action
    def test_every_input_and_output_of_an_action_has_a_description(self, path: str) -> None:
        document = loaded(path)
        for name, output in document["outputs"].items():
            step = "find" if name == "comment-file" else "shipmark"
            assert output["value"] == f"${{{{ steps.{step}.outputs.{name} }}}}"
            assert output["description"]
        assert all(
            one["description"] and isinstance(one["default"], str) for one in document["inputs"].values()
        )

    def test_commands_of_the_action_are_documented_in_action_yml(self) -> None:
        said = set(re.findall(r"`([a-z ]+)`", loaded(ACTIONS[0])["inputs"]["command"]["description"]))
        assert said == set(COMMANDS)
        assert {command.split()[0] for command in COMMANDS} <= set(EXISTING)
        assert loaded(ACTIONS[0])["inputs"]["command"]["default"] == "preview"

    def test_inputs_belong_to_existing_commands(self) -> None:
        assert {name for choices in CHOICES.values() for one in choices for name in one.commands} <= set(
            COMMANDS
        )

    @each_action
    def test_scripts_of_actions_hold_no_expression_and_used_actions_are_pinned(self, path: str) -> None:
        for step in loaded(path)["runs"]["steps"]:
            assert "${{" not in step.get("run", "")
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
            assert step["name"]

    def test_both_actions_find_and_install_shipmark_in_the_same_way(self) -> None:
        main, drop_in = (
            json.dumps(loaded(path)["runs"]["steps"][:-1], indent=1)
            .replace("../../../", "")
            .replace(" && inputs.cache != 'false'", "")
            for path in ACTIONS
        )
        assert main == drop_in

    def test_locks_of_the_adapters_agree_with_the_lock_of_development(self) -> None:
        locked = pins(ROOT / "requirements.lock")
        runtime, build = (pins(ROOT / "ci" / f"{name}.lock") for name in ("runtime", "build"))
        for pinned in (runtime, build):
            assert pinned == {name: locked[name] for name in pinned}
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        needed = re.findall(
            r'^  "([A-Za-z][A-Za-z0-9-]*)', project.split("dependencies = [")[1].split("]\n")[0], re.MULTILINE
        )
        assert {name.lower() for name in needed} <= set(runtime)
        assert "hatchling" in set(build) - set(runtime)


def pins(path: Path) -> dict[str, str]:
    """Return package -> version of a lock file."""
    return dict(re.findall(r"^([a-z][a-z0-9-]*)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
