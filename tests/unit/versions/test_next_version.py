"""The next version, by a given part or by the messages of the commits since the release."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.versions.bump import Part, step_of
from release.versions.commits import Commit, standing_changes
from release.versions.model import Version
from release.versions.next_version import automatic_version, next_version
from release.versions.semver import parse, precedence_key


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
    commits = [Commit(id=f"{number:040x}", message=message) for number, message in enumerate(messages)]
    step = step_of(standing_changes(commits))
    if step is None:
        assert expected is None
        return
    version = automatic_version(
        parse(stable) if stable else None, parse(highest) if highest else None, step.part
    )
    assert str(version) == expected


@pytest.mark.parametrize(
    ("stable", "part", "expected"),
    [
        ("0.4.2", "major", "1.0.0"),
        (None, "major", "1.0.0"),
        ("0.4.2", "minor", "0.5.0"),
        ("1.4.2", "major", "2.0.0"),
    ],
)
def test_with_major_on_zero_a_breaking_change_raises_version_0_to_1_0_0(
    stable: str | None, part: Part, expected: str
) -> None:
    version = automatic_version(parse(stable) if stable else None, None, part, major_on_zero=True)
    assert str(version) == expected


numbers = st.integers(0, 50)
versions = st.builds(
    Version, major=numbers, minor=numbers, patch=numbers, prerelease=st.sampled_from(["", "rc.1", "alpha"])
)


@given(versions, st.sampled_from(["major", "minor", "patch"]))
def test_the_next_version_is_stable_and_higher_than_its_base(base: Version, part: Part) -> None:
    version = next_version(base, part)
    assert version.is_stable
    assert precedence_key(version) > precedence_key(base)
