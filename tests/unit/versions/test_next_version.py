"""The next version, by a given part or by commit messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.versions.model import Version
from release.versions.next_version import Part, automatic_version, change_of, next_version, part_of
from release.versions.semver import parse, precedence_key

MESSAGES = [
    ("feat: x", "minor", False),
    ("feat(api): x", "minor", False),
    ("FEAT: x", "minor", False),
    ("fix: x", "patch", False),
    ("perf(core): x", "patch", False),
    ("revert: feat: x", "patch", False),
    ("feat!: x", "major", True),
    ("chore(deps)!: x", "major", True),
    ("fix: x\n\nbody\n\nBREAKING CHANGE: y", "major", True),
    ("refactor: x\n\nBREAKING-CHANGE: y", "major", True),
    ("docs: x", None, False),
    ("chore: x", None, False),
    ("feat:x", None, False),
    ("feat : x", None, False),
    ("add a feature", None, False),
    ("Merge branch 'feat: x'", None, False),
    ("fix: x\n\nthis is no BREAKING CHANGE: at all", "patch", False),
    ("fix: x\n\nbreaking change: y", "patch", False),
    ("", None, False),
]


@pytest.mark.parametrize(("message", "part", "breaking"), MESSAGES)
def test_commit_message_raises_a_part_of_the_version(message: str, part: Part | None, breaking: bool) -> None:
    change = change_of(message)
    assert (change.part, change.breaking) == (part, breaking)


def test_most_significant_part_of_several_messages_is_raised() -> None:
    assert part_of(["fix: a", "feat: b", "docs: c"]) == "minor"
    assert part_of(["docs: c", "words"]) is None


@pytest.mark.parametrize(
    ("base", "part", "expected"),
    [
        ("1.4.2", "patch", "1.4.3"),
        ("1.4.2", "minor", "1.5.0"),
        ("1.4.2", "major", "2.0.0"),
        ("1.4.2+b", "patch", "1.4.3"),
        ("1.5.0-rc.1", "patch", "1.5.0"),
        ("1.5.0-rc.1", "minor", "1.5.0"),
        ("1.5.0-rc.1", "major", "2.0.0"),
        ("2.0.0-rc.1", "major", "2.0.0"),
        (None, "patch", "0.1.0"),
        (None, "minor", "0.1.0"),
        (None, "major", "1.0.0"),
    ],
)
def test_next_version_raises_the_given_part(base: str | None, part: Part, expected: str) -> None:
    assert str(next_version(parse(base) if base else None, part)) == expected


@pytest.mark.parametrize(
    ("stable", "highest", "messages", "expected"),
    [
        ("1.4.2", "1.4.2", ["fix: a"], "1.4.3"),
        ("1.4.2", "1.4.2", ["fix: a", "feat: b"], "1.5.0"),
        ("1.4.2", "1.4.2", ["feat!: b"], "2.0.0"),
        ("0.4.2", "0.4.2", ["feat!: b"], "0.5.0"),
        (None, None, ["feat!: b"], "0.1.0"),
        (None, None, ["fix: b"], "0.1.0"),
        ("1.4.2", "1.5.0-rc.1", ["fix: a"], "1.5.0"),
        ("1.4.2", "1.5.0-rc.1", ["feat: a"], "1.5.0"),
        ("1.4.2", "1.5.0-rc.1", ["feat!: a"], "2.0.0"),
        ("1.4.2", "1.4.2", ["docs: a"], None),
        ("1.4.2", "1.4.2", [], None),
    ],
)
def test_automatic_version_follows_from_the_messages_since_the_release(
    stable: str | None, highest: str | None, messages: list[str], expected: str | None
) -> None:
    version = automatic_version(
        parse(stable) if stable else None, parse(highest) if highest else None, messages
    )
    assert (None if version is None else str(version)) == expected


numbers = st.integers(0, 50)
versions = st.builds(
    Version, major=numbers, minor=numbers, patch=numbers, prerelease=st.sampled_from(["", "rc.1", "alpha"])
)


@given(versions, st.sampled_from(["major", "minor", "patch"]))
def test_the_next_version_is_stable_and_higher(base: Version, part: Part) -> None:
    version = next_version(base, part)
    assert version.is_stable
    assert precedence_key(version) > precedence_key(base)
