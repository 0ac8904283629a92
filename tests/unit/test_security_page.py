"""SECURITY.md and README's security section: each promise names existing tests, each limit equals that of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release import limits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(text: str, name: str) -> str:
    """Return the lines between the heading `## name` and the next one of its level."""
    return text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]


def promises() -> list[tuple[str, list[str]]]:
    rows = re.findall(
        r"^\| (?!promise|---)(.+?) \| (.+?) \|$", section(PAGE, "What is promised"), re.MULTILINE
    )
    return [(promise, re.findall(r"`([^`]+)`", tests)) for promise, tests in rows]


@pytest.mark.parametrize(("promise", "tests"), promises(), ids=[text[:40] for text, _ in promises()])
def test_each_promise_of_the_security_page_names_tests_that_exist(promise: str, tests: list[str]) -> None:
    assert tests, promise
    for name in tests:
        path, _, function = name.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert function == "" or re.search(rf"^ *def {function}\(", source, re.MULTILINE), name


def test_readme_has_the_five_promises_of_the_security_page() -> None:
    lines = [line for line in section(README, "Security").splitlines() if line.startswith("- ")]
    headings = re.findall(r"^### (.+)$", section(PAGE, "What is promised"), re.MULTILINE)
    assert [re.match(r"- \*\*(.+?)\.\*\*", line)[1] for line in lines] == headings  # type: ignore[index]
    assert len(lines) == 5


def test_limits_on_the_security_page_are_those_of_the_code() -> None:
    rows = re.findall(
        r"^\| .+ \| (\S+(?: [KM]iB)?) \| `([A-Z_]+)` \|$", section(PAGE, "Limits"), re.MULTILINE
    )
    names = [name for name in vars(limits) if name.isupper() and name not in ("KIB", "MIB")]
    assert rows == [(shown(name), name) for name in names]


def shown(name: str) -> str:
    """Return the value of a limit as the page writes it."""
    value = getattr(limits, name)
    if name.endswith("_BYTES"):
        return f"{value >> 20} MiB" if value >= limits.MIB else f"{value >> 10} KiB"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"
