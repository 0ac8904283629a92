"""Parsing of git tags as SemVer, PEP 440 and CalVer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.tagging.rules.git_versions import READERS, read_calver, read_pep440, read_semver


@pytest.mark.parametrize(
    ("text", "version", "stable"),
    [
        ("1.2.3", "1.2.3", True),
        ("v1.2.3", "1.2.3", True),
        (" v1.2.3 ", "1.2.3", True),
        ("1.2.3+5", "1.2.3", True),
        ("1.2.3-rc.1+5", "1.2.3-rc.1", False),
        ("1.2.3-0a", "1.2.3-0a", False),
        ("9007199254740991.0.0", "9007199254740991.0.0", True),
    ],
)
def test_semver_tag_is_parsed_and_normalised(text: str, version: str, stable: bool) -> None:
    reading = read_semver(text)
    assert reading is not None
    assert (reading.version, reading.stable, reading.raw) == (version, stable, text)


@pytest.mark.parametrize(
    "text",
    ["", "1.2", "1", "V1.2.3", "vv1.2.3", "1.2.3.4", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "٣.2.3", "x1.2.3",
     "9007199254740992.0.0", "1.2.3-" + "a" * 300],
)  # fmt: skip
def test_text_that_is_not_semver_gives_none(text: str) -> None:
    assert read_semver(text) is None


@pytest.mark.parametrize(
    ("text", "version", "stable"),
    [
        ("1", "1", True),
        ("1.2", "1.2", True),
        ("v1.2.3.4", "1.2.3.4", True),
        ("V1.2", "1.2", True),
        ("2020.01.10", "2020.1.10", True),
        ("2!1.0", "2!1.0", True),
        ("0!1.0", "1.0", True),
        ("1.2alpha", "1.2a0", False),
        ("1.2-BETA.3", "1.2b3", False),
        ("1.2c1", "1.2rc1", False),
        ("1.2preview4", "1.2rc4", False),
        ("1.2post1", "1.2.post1", False),
        ("1.2-1", "1.2.post1", False),
        ("1.2r", "1.2.post0", False),
        ("1.0dev4", "1.0.dev4", False),
        ("1.2rc1.post2.dev3", "1.2rc1.post2.dev3", False),
        ("1.2.3+Local_01", "1.2.3+local-1", True),
    ],
)
def test_pep440_tag_is_parsed_and_normalised(text: str, version: str, stable: bool) -> None:
    reading = read_pep440(text)
    assert reading is not None
    assert (reading.version, reading.stable) == (version, stable)


@pytest.mark.parametrize("text", ["", "a", "1.2.x", "1..2", "1.2-", "1.2+", " 1.2", "1.2+a..b", "1.2.3-foo"])
def test_text_that_is_not_pep440_gives_none(text: str) -> None:
    assert read_pep440(text) is None


@pytest.mark.parametrize(
    ("text", "comparable"),
    [
        ("1.2", True),
        ("1.2.3", True),
        ("1.2.3.4", False),
        ("2!1.0", False),
        ("1.2+a", False),
        ("1.2rc1", False),
    ],
)
def test_only_pep440_versions_that_semver_can_express_are_comparable(text: str, comparable: bool) -> None:
    reading = read_pep440(text)
    assert reading is not None
    assert (reading.release is not None) is comparable


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2026.11", {"year": "2026", "month": "11", "day": None, "micro": None}),
        ("v2026.11.20", {"year": "2026", "month": "11", "day": 20}),
        (
            "26.04.1",
            {"year": "26", "YYYY": "2026", "YY": "26", "month": "04", "0M": "04", "MM": "4", "micro": 1},
        ),
        ("2026-11-20", {"version": "2026-11-20", "day": 20}),
        ("2026.11.20.4", {"day": 20, "micro": 4}),
    ],
)
def test_calendar_version_gives_year_month_day_and_micro_for_patterns(
    text: str, names: dict[str, object]
) -> None:
    reading = read_calver(text)
    assert reading is not None
    assert reading.stable
    assert {name: reading.names[name] for name in names} == names


def test_a_calendar_version_with_a_modifier_is_a_prerelease() -> None:
    reading = read_calver("2026.11-rc.1")
    assert reading is not None
    assert (reading.stable, reading.names["modifier"]) == (False, "rc.1")


@pytest.mark.parametrize("text", ["", "2026", "126.1.1", "2026.11-1", "2026.11.x"])
def test_text_that_is_not_calver_gives_none(text: str) -> None:
    assert read_calver(text) is None


class TestProperties:
    @given(
        st.sampled_from([*READERS]), st.text(alphabet="v0123456789.-+_!abcdeorpstv ", max_size=20) | st.text()
    )
    def test_any_git_tag_is_read_as_a_version_or_gives_none(self, scheme: str, text: str) -> None:
        reading = READERS[scheme](text)
        assert reading is None or reading.raw == text

    @given(st.tuples(*[st.integers(0, 10**6)] * 3))
    def test_any_three_numbers_are_parsed_as_semver(self, numbers: tuple[int, int, int]) -> None:
        text = "{}.{}.{}".format(*numbers)
        reading = read_semver(f"v{text}")
        assert reading is not None
        assert (reading.version, str(reading.release)) == (text, text)
