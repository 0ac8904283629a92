"""The next prerelease of a channel, and the next calendar version."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.versions.calver import parse_calver
from release.versions.next_calver import UnclearPatternError, next_calver, require_pattern
from release.versions.prereleases import channel_of, next_prerelease, require_channel
from release.versions.semver import parse, precedence_key


@pytest.mark.parametrize(
    ("core", "channel", "known", "expected"),
    [
        ("1.5.0", "rc", [], "1.5.0-rc.1"),
        ("1.5.0", "rc", ["1.5.0-rc.1"], "1.5.0-rc.2"),
        ("1.5.0", "rc", ["1.5.0-rc.9", "1.5.0-rc.10", "1.5.0-rc.2"], "1.5.0-rc.11"),
        ("1.5.0", "rc", ["1.5.0-beta.7"], "1.5.0-rc.1"),
        ("1.5.0", "beta", ["1.5.0-rc.1", "1.5.0-beta.3"], "1.5.0-beta.4"),
        ("1.5.0", "rc", ["1.4.0-rc.3", "2.0.0-rc.4"], "1.5.0-rc.1"),
        ("1.5.0", "rc", ["1.5.0-rc"], "1.5.0-rc.1"),
        ("1.5.0", "rc", ["1.5.0-rc1"], "1.5.0-rc2"),
        ("1.5.0", "alpha-x", ["1.5.0-alpha-x.1"], "1.5.0-alpha-x.2"),
        ("1.5.0", "rc", ["1.5.0-rc.1.dev.4"], "1.5.0-rc.1"),
    ],
)
def test_a_prerelease_has_the_next_number_of_its_channel(
    core: str, channel: str, known: list[str], expected: str
) -> None:
    assert str(next_prerelease(parse(core), channel, [parse(one) for one in known])) == expected


def test_a_calendar_prerelease_that_reads_like_semver_has_the_next_number_of_its_channel() -> None:
    known = [parse_calver("2024.10.3-rc1"), parse_calver("2024.10.2-rc7")]
    assert str(next_prerelease(parse_calver("2024.10.3"), "rc", known)) == "2024.10.3-rc2"


def test_a_prerelease_that_would_sort_below_its_predecessor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.5\.0-rc10 would sort below 1\.5\.0-rc9"):
        next_prerelease(parse("1.5.0"), "rc", [parse("1.5.0-rc9")])


@pytest.mark.parametrize("channel", ["", "1", "1rc", "rc.1", "r c", "rc+1", "ä", "-rc", "rc\n"])
def test_a_text_that_is_not_one_alphanumeric_identifier_is_refused_as_a_channel(channel: str) -> None:
    with pytest.raises(ValueError, match="not the name of a channel"):
        require_channel(channel)


@pytest.mark.parametrize(
    ("version", "channel"),
    [("1.5.0-rc.1", "rc"), ("1.5.0-rc1", "rc"), ("1.5.0-rc", "rc"), ("1.5.0", None), ("1.5.0-4", None)],
)
def test_channel_of_a_prerelease_is_read_from_its_first_identifier(version: str, channel: str | None) -> None:
    assert channel_of(parse(version)) == channel


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("known", "today", "pattern", "expected"),
    [
        ([], "2024-10-03", "", "2024.10.0"),
        (["2024.10.0"], "2024-10-31", "", "2024.10.1"),
        (["2024.10.9", "2024.10.10"], "2024-10-31", "", "2024.10.11"),
        (["2024.10.3"], "2024-11-01", "", "2024.11.0"),
        (["2024.9.3"], "2024-10-01", "", "2024.10.0"),
        (["2024.09.3"], "2025-01-01", "", "2025.01.0"),
        (["24.04"], "2024-10-10", "", "24.10"),
        (["24.04"], "2024-04-20", "", "24.04.1"),
        (["24.04", "24.04.1"], "2024-04-20", "YY.0M", "24.04.2"),
        (["24.10"], "2025-04-01", "", "25.04"),
        (["2024-10-03"], "2024-11-07", "", "2024-11-07"),
        (["2024.10.03"], "2024-10-03", "", "2024.10.03.1"),
        (["2024.10.03", "2024.10.03.1"], "2024-10-03", "YYYY.0M.0D", "2024.10.03.2"),
        (["2024.10.3-rc.1"], "2024-10-03", "YYYY.MM.MICRO", "2024.10.3"),
        (["2024.10.2", "2024.10.3-rc.1"], "2024-10-03", "", "2024.10.3"),
        (["2024-10-2"], "2024-10-03", "", "2024-10-3"),
        (["2024-10-2", "2024-10-3-rc1"], "2024-10-03", "", "2024-10-3"),
        (["2024.10.2_rc-1+b-1"], "2024-10-03", "YYYY.MM.MICRO", "2024.10.2"),
        ([], "2024-02-05", "YYYY.WW.MICRO", "2024.6.0"),
        ([], "2024-02-05", "YY.0W", "24.06"),
        ([], "2007-02-05", "0Y.0M.0D", "07.02.05"),
        ([], "2024-12-31", "YYYY.WW", "2024.53"),
        ([], "2027-01-01", "YYYY.0W", "2027.00"),
        (["2024.7"], "2024-10-03", "YYYY.MICRO", "2024.8"),
        (["2023.7"], "2024-10-03", "YYYY.MICRO", "2024.0"),
    ],
)
def test_the_next_calendar_version_has_todays_date_and_a_free_number(
    known: list[str], today: str, pattern: str, expected: str
) -> None:
    versions = [parse_calver(one) for one in known]
    made = next_calver(versions, moment(today), pattern)
    assert str(made) == expected
    assert all(precedence_key(made) > precedence_key(one) for one in versions)


@pytest.mark.parametrize(
    ("known", "pattern", "message"),
    [
        (["2024.12.1"], "", "today gives 2024.10.0, and 2024.12.1 exists, which is not lower"),
        (["2024.57"], "", "do not show what their numbers mean"),
        (["2024.10.3.1"], "", "do not show what their numbers mean"),
    ],
)
def test_a_next_calendar_version_that_cannot_be_derived_from_the_known_ones_is_an_error(
    known: list[str], pattern: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        next_calver([parse_calver(one) for one in known], moment("2024-10-03"), pattern)


@pytest.mark.parametrize(
    ("existing", "usual"),
    [
        ("2024.48.1", "YYYY.WW.MICRO"),
        ("2026.48.1", "YYYY.WW.MICRO"),
        ("26-30", "YY-WW-MICRO"),
        ("2026.11.1.2", "YYYY.MM.DD.MICRO"),
        ("2026.50.1", "YYYY.WW.MICRO"),
    ],
)
def test_pattern_proposed_for_versions_of_unclear_form_gives_a_higher_one_where_a_usual_one_does(
    existing: str, usual: str
) -> None:
    with pytest.raises(UnclearPatternError) as caught:
        next_calver([parse_calver(existing)], moment("2026-11-30"))
    assert caught.value.usual == usual


@pytest.mark.parametrize(
    "pattern", ["", "YYYY", "MM.YYYY", "YYYY.MICRO.MM", "YYYY.MM-DD", "YYYY.M", "YY.MM.DD.DD.DD"]
)
def test_a_calendar_version_pattern_of_another_form_than_year_to_micro_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a pattern"):
        require_pattern(pattern)
