"""Hooks of mkdocs: add the pages and files that do not lie below `docs/` to the site, and lead links to them.

A page of the repository links to another file by its path, as GitHub shows it. On the site README.md is the first page,
the other pages at the top keep their names, and every other file that a page links to lies below `repository/`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import reference
from mkdocs.structure.files import File, Files, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]

#: Pages at the top of the repository -> their place on the site.
_TOP = {name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")} | {"README.md": "index.md"}
# Code is matched first, so that brackets in it are not taken for a link.
_CODE_OR_LINK = re.compile(r"^```.*?^```|`[^`\n]+`|\]\((?P<target>[^)\s]+)\)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, the pages at the top, and every file to which a page links, also indirectly."""
    waiting = [*_TOP, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.startswith("docs/"):
            files.append(_file(path, config))
        linked = _linked(path) if path.endswith(".md") else set()
        waiting += linked - seen
        seen |= linked
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Lead the links of a page to the places of their targets on the site."""
    if page.file.abs_src_path is None:  # made by `reference.py`, with links that fit the site
        return markdown
    source = Path(page.file.abs_src_path).resolve().relative_to(ROOT).as_posix()
    here = posixpath.dirname(page.file.src_uri)

    def led(match: re.Match[str]) -> str:
        target = match["target"]
        if target is None or _is_url(target) or target.startswith("#"):
            return match[0]
        path, mark, anchor = target.partition("#")
        there = _place(_resolved(source, path))
        return f"]({posixpath.relpath(there, here or '.')}{mark}{anchor})"

    return _CODE_OR_LINK.sub(led, markdown)


def _linked(source: str) -> set[str]:
    """The files of the repository to which a page links, without those that do not exist: mkdocs reports these."""
    found = (_resolved(source, target) for target in _targets((ROOT / source).read_text(encoding="utf-8")))
    return {path for path in found if (ROOT / path).is_file()}


def _targets(text: str) -> Iterator[str]:
    for match in _CODE_OR_LINK.finditer(text):
        target = (match["target"] or "").partition("#")[0]
        if target and not _is_url(target):
            yield target


def _is_url(target: str) -> bool:
    return "://" in target or target.startswith("mailto:")


def _resolved(source: str, target: str) -> str:
    """The path of a link's target from the top of the repository; of a folder, the page that GitHub shows for it."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    return f"{path}/README.md" if (ROOT / path).is_dir() else path


def _place(path: str) -> str:
    """The place on the site of a file of the repository."""
    return _TOP.get(path) or (
        path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"
    )


def _file(path: str, config: MkDocsConfig) -> File:
    file = File.generated(config, _place(path), abs_src_path=str(ROOT / path))
    # Pages of other folders, such as tests/support/README.md, are reached by links alone.
    file.inclusion = InclusionLevel.INCLUDED if path in _TOP else InclusionLevel.NOT_IN_NAV
    return file
