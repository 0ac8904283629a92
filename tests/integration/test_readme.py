"""Every command of README and user pages prints the output shown there."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

import pytest

from release.cli.main import COMMANDS
from release.errors import ReleaseError
from tests.support.pages import blocks, pages, text_of
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

README = "README.md"
REFERENCE = "docs/commands.md"
#: Pages for users, in the order in which their commands are run in one repository: later ones need its release.
PAGES = (
    README,
    "docs/version-log.md",
    "docs/metadata.md",
    "docs/registries.md",
    "docs/platforms.md",
    "docs/promotion.md",
    "docs/air-gap.md",
    "docs/goreleaser.md",
    "docs/semantic-release.md",
    "docs/doctor.md",
)
#: Pages whose console blocks other tests run.
ELSEWHERE = {
    "docs/from.md": "tests/integration/app/test_from.py",
    "docs/errors.md": "below: the command fails",
}
_HISTORY = ("v1.3.8", "v1.4.0", "v1.4.1", "v1.4.2")
_DOCKERFILE = "FROM scratch\nARG VERSION\nLABEL hello=$VERSION\nCOPY hello.txt /hello.txt\n"
_CONFIG = 'image: oci:dist/hello\nproject: hello\nbuild: {builder: layers, args: {VERSION: "{{version}}"}}\n'


class Shown(NamedTuple):
    """A command on a page and the output shown below it, possibly none."""

    command: str
    output: str


def commands() -> list[Shown]:
    shown = []
    for block in (block for page in PAGES for block in blocks(page, "console")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            shown.append(Shown(command, output))
    return shown


def normal(text: str) -> str:
    """Return the text with commit ids and digests replaced, since they differ between git histories."""
    return re.sub(r"\b[0-9a-f]{12,64}\b", "<hex>", text).strip()


@pytest.fixture
def scene(git_repo: GitRepo) -> GitRepo:
    """Give the git repository of the examples."""
    files = {"Dockerfile": _DOCKERFILE, "shipmark.yml": _CONFIG, ".gitignore": "dist/\n"}
    for git_tag in _HISTORY:
        git_repo.commit(git_tag, files={**files, "hello.txt": f"{git_tag}\n"})
        git_repo.tag(git_tag)
    return git_repo


def test_every_command_on_the_users_pages_prints_the_output_shown_there(
    scene: GitRepo, shipmark: Shipmark
) -> None:
    shown = commands()
    assert len(shown) >= 9
    for command, output in shown:
        name, *arguments = shlex.split(command)
        assert name == "shipmark"
        result = shipmark(*arguments, cwd=scene.path)
        assert result.code == 0, f"{command}: {result.stderr}"
        if output:
            assert normal(result.stdout) == normal(output)


def test_console_blocks_of_every_page_are_run() -> None:
    assert {page for page in pages() if blocks(page, "console")} == {*PAGES, *ELSEWHERE}


def test_the_error_on_the_page_of_errors_is_printed_as_shown_there(
    scene: GitRepo, shipmark: Shipmark
) -> None:
    (block,) = blocks("docs/errors.md", "console")
    command, _, output = block.removeprefix("$ shipmark ").partition("\n")
    result = shipmark(*shlex.split(command), cwd=scene.path)
    assert result.code != 0
    assert result.stderr == output


def test_the_reference_and_the_readme_list_every_command_and_no_other() -> None:
    listed = set(re.findall(r"^\| `shipmark (\w+)", text_of(REFERENCE), flags=re.MULTILINE))
    assert listed == set(COMMANDS)
    rows = re.findall(r"^\| (`shipmark .+?) \|", text_of(README), flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(?:shipmark )?(\w+)`", row)} == set(COMMANDS)


@pytest.mark.parametrize("page", [README, REFERENCE])
def test_the_reference_and_the_readme_list_every_exit_code(page: str) -> None:
    text = text_of(page)
    codes = {cls.exit_code for cls in descendants(ReleaseError)}
    listed = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", text, flags=re.MULTILINE)
        for code in row.split(",")
    }
    assert codes | {0} == listed


def descendants(cls: type[ReleaseError]) -> set[type[ReleaseError]]:
    return {cls, *(deeper for child in cls.__subclasses__() for deeper in descendants(child))}
