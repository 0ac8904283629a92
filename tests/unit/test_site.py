"""The site shows each page as GitHub does: Python-Markdown finds the lists, tables, code and headings of CommonMark."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import markdown
import pytest
import yaml
from markdown_it import MarkdownIt

from tests.support.pages import ROOT, pages, text_of

_BLOCKS = re.compile(r"<(h[1-6]|li|ol|pre|td|th|ul)\b")


class _Loader(yaml.SafeLoader):
    """Reads `mkdocs.yml`, whose tag for the function that makes anchors the safe loader does not know."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.MappingNode) -> Any:
    assert suffix == "pymdownx.slugs.slugify"
    from pymdownx.slugs import slugify

    return slugify(**loader.construct_mapping(node, deep=True)["kwds"])


_Loader.add_multi_constructor("tag:yaml.org,2002:python/object/apply:", _function)


@pytest.fixture(scope="module")
def site() -> markdown.Markdown:
    """Return the Markdown renderer that mkdocs uses for the site."""
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)
    listed = [one if isinstance(one, dict) else {one: {}} for one in config["markdown_extensions"]]
    options = {name: value for one in listed for name, value in one.items()}
    return markdown.Markdown(extensions=list(options), extension_configs=options)


def _counted(html: str) -> Counter[str]:
    # The site puts code into tables of its own only with line numbers, which it does not show.
    return Counter(_BLOCKS.findall(html))


@pytest.mark.parametrize("page", [*pages(), "CHANGELOG.md"])
def test_the_site_shows_the_blocks_of_a_page_as_github_does(page: str, site: markdown.Markdown) -> None:
    github = MarkdownIt("commonmark").enable("table").render(text_of(page))
    assert _counted(site.reset().convert(text_of(page))) == _counted(github)
