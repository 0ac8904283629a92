"""Packages are listed in lines: each imports only packages on lines above. `docs/architecture.md` draws it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

#: From the ground up. Packages and modules on one line do not import one another. What no line names is a module of
#: the floor (`errors`, `files`, ...): it imports nothing but the floor.
FLOORS = (
    "oci versions",
    "git config compression layout",
    "facts registry",
    "docker transfer",
    "image_names",
    "tagging retention statements",
    "plan",
    "log build inventory",
    "handler step_scheduler",
    "runner effects",
    "app",
    "cli",
)
LEVEL = {name: level for level, names in enumerate(FLOORS, start=1) for name in names.split()}

#: `ci` is a leaf beside the house: these rooms may ask it what it detected.
MAY_IMPORT_CI = frozenset({"facts", "app", "cli"})

#: Modules outside of those rooms that know `ci`, each with its reason.
ALLOWED_CI = {
    "release.log.page.markup": "a job may print the page: no text in it is a command of the CI system",
    "release.run_scope": "decides what the run that the CI system describes may do",
    "release.tagging.decide": "hints hold the YAML line for the CI system at hand",
    "release.tagging.rules.run": "rules are evaluated in the run that the CI system describes",
    "release.tagging.warnings": "hints hold the YAML line for the CI system at hand",
    "release.trust": "judges what the CI system says of the run's origin",
}

#: Imports against the order, as `importer -> imported`, each with its reason. A row that is no longer needed fails.
ALLOWED: dict[str, str] = {}


class Import(NamedTuple):
    """One import between two packages of `release`."""

    importer: str
    imported: str
    line: int


def _room(module: str) -> str:
    """Return the package below `release` or `ci`: `log` for `release.log.stores.git.store`."""
    return module.split(".")[1] if "." in module else ""


def _imports(top: str) -> Iterator[Import]:
    """Yield each import of a module below `top`, late ones and those for types included."""
    for path in sorted((ROOT / "release").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == top:
                names = (
                    [f"{node.module}.{one.name}" for one in node.names]
                    if node.module == top
                    else [node.module]
                )
                yield from (Import(name, one, node.lineno) for one in names)
            elif isinstance(node, ast.Import):
                yield from (
                    Import(name, one.name, node.lineno) for one in node.names if one.name.split(".")[0] == top
                )


def _is_upward(one: Import) -> bool:
    importer, imported = _room(one.importer), _room(one.imported)
    if importer == imported or imported == "__version__":
        return False
    own, other = LEVEL.get(importer, 0), LEVEL.get(imported, 0)
    return other > own or (other == own != 0)


def test_packages_import_only_packages_above_them_in_the_list() -> None:
    strays = [one for one in _imports("release") if _is_upward(one)]
    assert [one for one in strays if f"{one.importer} -> {one.imported}" not in ALLOWED] == []


def test_every_allowed_import_against_the_order_exists() -> None:
    found = {f"{one.importer} -> {one.imported}" for one in _imports("release") if _is_upward(one)}
    assert set(ALLOWED) <= found


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    below: dict[str, set[str]] = {}
    for one in _imports("release"):
        if _room(one.importer) != _room(one.imported):
            below.setdefault(_room(one.importer), set()).add(_room(one.imported))
    left = dict(below)
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
    assert left == {}


def test_every_package_in_the_list_of_lines_exists() -> None:
    there = {path.stem for path in (ROOT / "release").iterdir()}
    assert set(LEVEL) - there == set()


def test_only_listed_packages_import_ci() -> None:
    others = {one.importer for one in _imports("ci") if _room(one.importer) not in MAY_IMPORT_CI}
    assert others == set(ALLOWED_CI)
