"""The page of `tests/conformance/` names every table, and every table names its source."""

from __future__ import annotations

from tests.support.conformance import FOLDER, table


def test_conformance_page_lists_exactly_the_files_of_its_folder() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]
    listed = {row.split("`")[1] for row in rows}
    assert listed == {path.name for path in FOLDER.iterdir()} - {"README.md"}


def test_every_conformance_table_names_its_source() -> None:
    names = {path.name.partition(".")[0] for path in FOLDER.glob("*.json*")}
    assert all(table(name)["about"] for name in names)
