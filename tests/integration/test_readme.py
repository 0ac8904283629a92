"""Every command in the README prints the output shown there, and every configuration in the README is valid."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
import yaml

from release.cli.main import COMMANDS
from release.config.load import load
from release.errors import ReleaseError
from tests.support.pages import blocks, text_of
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

README = "README.md"
_HISTORY = ("v1.3.8", "v1.4.0", "v1.4.1", "v1.4.2")
_DOCKERFILE = "FROM scratch\nARG VERSION\nLABEL hello=$VERSION\nCOPY hello.txt /hello.txt\n"
_CONFIG = 'image: oci:dist/hello\nproject: hello\nbuild: {builder: layers, args: {VERSION: "{{version}}"}}\n'


class Shown(NamedTuple):
    """A command in the README and the output shown below it, possibly none."""

    command: str
    output: str


def commands() -> list[Shown]:
    shown = []
    for block in blocks(README, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            shown.append(Shown(command, output))
    return shown


def normal(text: str) -> str:
    """Return the text with commit ids and digests replaced, since they differ between git histories."""
    return re.sub(r"\b[0-9a-f]{12,64}\b", "<hex>", text).strip()


@pytest.fixture
def scene(git_repo: GitRepo) -> GitRepo:
    """Give the git repository of the README's examples."""
    files = {"Dockerfile": _DOCKERFILE, "shipmark.yml": _CONFIG, ".gitignore": "dist/\n"}
    for git_tag in _HISTORY:
        git_repo.commit(git_tag, files={**files, "hello.txt": f"{git_tag}\n"})
        git_repo.tag(git_tag)
    return git_repo


def test_every_command_in_the_readme_prints_the_output_shown_there(
    scene: GitRepo, shipmark: Shipmark
) -> None:
    shown = commands()
    assert len(shown) >= 9
    for command, output in shown:
        name, *arguments = command.split()
        assert name == "shipmark"
        result = shipmark(*arguments, cwd=scene.path)
        assert result.code == 0, f"{command}: {result.stderr}"
        if output:
            assert normal(result.stdout) == normal(output)


@pytest.mark.parametrize("block", blocks(README, "yaml"))
def test_every_configuration_in_the_readme_is_valid(block: str) -> None:
    value = yaml.safe_load(block)
    if "jobs" in value:
        uses = [step["uses"] for step in value["jobs"]["release"]["steps"] if "uses" in step]
        assert any("shipmark" in one for one in uses)
        return
    assert load(block, "README.md", {}).components


def test_the_readme_lists_every_command_and_no_other() -> None:
    listed = set(re.findall(r"^\| `shipmark (\w+)", text_of(README), flags=re.MULTILINE))
    assert listed == set(COMMANDS)


def test_the_readme_lists_every_exit_code() -> None:
    text = text_of(README)
    codes = {cls.exit_code for cls in descendants(ReleaseError)}
    listed = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", text, flags=re.MULTILINE)
        for code in row.split(",")
    }
    assert codes | {0} == listed


def descendants(cls: type[ReleaseError]) -> set[type[ReleaseError]]:
    return {cls, *(deeper for child in cls.__subclasses__() for deeper in descendants(child))}
