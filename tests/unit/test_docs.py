"""Paths, links, commands and options that documentation pages name exist."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import click
import pytest

from release.cli.main import shipmark
from tests.support.pages import ROOT, command_lines, links, pages, paths, text_of, words_of

#: Sites that pages link to.
HOSTS = {
    "calver.org",
    "github.com",
    "jcristharif.com",
    "keepachangelog.com",
    "semver.org",
    "www.conventionalcommits.org",
}
each_page = pytest.mark.parametrize("page", pages())


@each_page
def test_paths_on_documentation_pages_exist(page: str) -> None:
    assert [path for path in paths(page) if not _exists(path)] == []


@each_page
def test_links_on_documentation_pages_lead_to_existing_files(page: str) -> None:
    assert [link for link in links(page) if not _leads_somewhere(page, link)] == []


@each_page
def test_links_to_other_sites_are_addresses_of_listed_hosts(page: str) -> None:
    # Nothing is asked for here: the network would decide about the test.
    found = [urlsplit(one) for one in re.findall(r"\]\((\w+://[^)\s]+)\)", text_of(page))]
    assert [one.geturl() for one in found if (one.scheme, one.hostname in HOSTS) != ("https", True)] == []


@each_page
def test_documented_command_lines_have_existing_commands_and_options(page: str) -> None:
    assert [line for line in command_lines(page) if not _is_command(words_of(line))] == []


def test_the_tests_of_pages_find_paths_links_and_commands_and_notice_unknown_ones() -> None:
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"} <= set(pages())
    assert "release/limits.py" in paths("SECURITY.md")
    assert "docs/architecture.md" in links("README.md")
    assert {"shipmark log list", "shipmark log export"} <= set(command_lines("docs/commands.md"))
    assert not _exists("release/no_such_file.py")
    assert not _leads_somewhere("README.md", "docs/architecture.md#no-such-heading")
    assert not _is_command(["log", "no-such-command"])
    assert not _is_command(["run", "--no-such-option"])


def _exists(named: str) -> bool:
    """Return whether `path` or `path::name` exists; `<word>` and `*` in the path match any file name."""
    path, _, name = named.partition("::")
    found = [one for one in ROOT.glob(re.sub(r"<\w+>", "*", path).rstrip("/")) if one.exists()]
    if not found or not name:
        return bool(found)
    source = found[0].read_text(encoding="utf-8")
    return re.search(rf"^\s*(?:def|class) {name}\b|^{name}\b.* = ", source, re.MULTILINE) is not None


def _leads_somewhere(page: str, link: str) -> bool:
    target, _, anchor = link.partition("#")
    path = (ROOT / page).parent / target if target else ROOT / page
    if not path.exists() or not anchor:
        return path.exists()
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {_anchor(heading) for heading in headings}


def _anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _is_command(words: list[str]) -> bool:
    command: click.Command | None = shipmark
    context = click.Context(shipmark)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        if name == "COMMAND":
            return True
        command = command.get_command(context, name)
    if command is None:
        return False
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    return all(word.partition("=")[0] in known for word in words if re.match(r"--?[a-zA-Z]", word))


def test_documentation_pages_are_not_empty() -> None:
    assert [page for page in pages() if not text_of(page).strip()] == []
