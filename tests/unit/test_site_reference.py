"""The reference pages of the site, as a program that has imported nothing else makes them."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

import release
from release.errors import ReleaseError
from tests.support.pages import ROOT

_MAKE = "import sys; sys.path[:0] = ['.ci', '.']; import json, reference; json.dump(reference.pages(), sys.stdout)"
_PRINTED = re.compile(r'"schema": "(shipmark\.[\w-]+/\d+)"')


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    """Return the pages by their paths."""
    done = subprocess.run([sys.executable, "-c", _MAKE], cwd=ROOT, check=True, capture_output=True, text=True)
    made: dict[str, str] = json.loads(done.stdout)
    return made


def _below(cls: type[Any]) -> set[type[Any]]:
    return {cls, *(deeper for child in cls.__subclasses__() for deeper in _below(child))}


def test_page_of_exit_codes_has_every_error(reference: dict[str, str]) -> None:
    for module in pkgutil.walk_packages(release.__path__, "release."):
        import_module(module.name)
    named = {cls.__name__ for cls in _below(ReleaseError) if cls.__module__.startswith("release.")}
    assert set(re.findall(r"^\| `(\w+)`", reference["reference/exit-codes.md"], re.MULTILINE)) == named


def test_page_of_documents_names_every_document_that_a_command_prints(reference: dict[str, str]) -> None:
    page = reference["reference/documents.md"]
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "release" / "cli").rglob("*.py")]
    printed = {name for text in texts for name in _PRINTED.findall(text)}
    assert len(printed) >= 5
    assert {name for name in printed if f"`{name}`" not in page} == set()
