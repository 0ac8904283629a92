"""A Dockerfile whose build checks fail the build gets a note, since `preview` does not run them."""

from __future__ import annotations

import pytest

from release.build.dockerfile.build_checks import check_notes
from release.build.dockerfile.parser import parse


@pytest.mark.parametrize(
    ("check", "has_note"),
    [
        ("error=true", True),
        ("skip=JSONArgsRecommended;error=1", True),
        ("error=false", False),
        ("skip=all", False),
        (None, False),
    ],
)
def test_dockerfile_whose_warnings_fail_the_build_gets_a_note(check: str | None, has_note: bool) -> None:
    line = f"# check={check}\n" if check else ""
    notes = check_notes(parse(f"{line}FROM scratch\nCOPY a /\n"))
    assert [(note.level, note.text.split(":")[0]) for note in notes] == [("info", "Dockerfile")] * has_note
