"""The formats of dates, compared with moment.js."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.tagging.expressions.moment import find_zone, format_moment

MOMENT = datetime(2020, 1, 10, 0, 30, 5, 678_000, tzinfo=UTC)

#: Each token alone, as moment 2.30 with moment-timezone 0.6 writes it for MOMENT in UTC.
TOKENS = """
M=1 Mo=1st MM=01 MMM=Jan MMMM=January Q=1 Qo=1st D=10 Do=10th DD=10 DDD=10 DDDo=10th DDDD=010 d=5 do=5th dd=Fr ddd=Fri
dddd=Friday e=5 E=5 w=2 wo=2nd ww=02 W=2 Wo=2nd WW=02 YY=20 YYYY=2020 Y=2020 YYYYY=02020 YYYYYY=+002020 y=2020 yy=2020
yyy=2020 yyyy=2020 yo=2020th N=AD NN=AD NNN=AD NNNNN=AD gg=20 gggg=2020 ggggg=02020 GG=20 GGGG=2020 GGGGG=02020 A=AM
a=am H=0 HH=00 h=12 hh=12 k=24 kk=24 hmm=1230 hmmss=123005 Hmm=030 Hmmss=03005 m=30 mm=30 s=5 ss=05 S=6 SS=67 SSS=678
SSSS=6780 SSSSSSSSS=678000000 z=UTC zz=UTC Z=+00:00 ZZ=+0000 X=1578616205 x=1578616205678 L=01/10/2020 l=1/10/2020
"""


@pytest.mark.parametrize("row", TOKENS.split())
def test_each_date_format_token_is_written_as_moment_js_writes_it(row: str) -> None:
    token, _, expected = row.partition("=")
    assert format_moment(MOMENT, token) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", "2020-01-10T00:30:05Z"),
        ("YYYYMMDD-HHmmss", "20200110-003005"),
        ("YYYY-MM-DDTHH:mm:ss.SSS[Z]", "2020-01-10T00:30:05.678Z"),
        ("YYYYMMDD[T]", "20200110T"),
        ("[YYYY", "[2020"),
        ("\\YYYY", "YYYY"),
        ("[a[b]", "[amb"),
        ("NNNN", "Anno Domini"),
        ("LT|LTS", "12:30 AM|12:30:05 AM"),
        ("LL", "January 10, 2020"),
        ("LLLL", "Friday, January 10, 2020 12:30 AM"),
        ("llll", "Fri, Jan 10, 2020 12:30 AM"),
        ("[LL] LL", "LL January 10, 2020"),
        ("é-YYYY", "é-2020"),
    ],
)
def test_date_patterns_with_text_and_tokens_are_formatted(pattern: str, expected: str) -> None:
    assert format_moment(MOMENT, pattern) == expected


@pytest.mark.parametrize(
    ("day", "us", "iso"),
    [
        ((2020, 12, 31), "2021-01", "2020-53"),
        ((2021, 1, 3), "2021-02", "2020-53"),
        ((2022, 1, 1), "2022-01", "2021-52"),
        ((2023, 12, 31), "2024-01", "2023-52"),
        ((2024, 2, 29), "2024-09", "2024-09"),
        ((2024, 12, 28), "2024-52", "2024-52"),
        ((2024, 12, 29), "2025-01", "2024-52"),
    ],
)
def test_us_and_iso_week_numbers_around_new_year_have_the_right_year(
    day: tuple[int, int, int], us: str, iso: str
) -> None:
    moment = datetime(*day, tzinfo=UTC)
    assert format_moment(moment, "gggg-ww") == us
    assert format_moment(moment, "GGGG-WW") == iso


def test_fractions_of_a_second_keep_their_zeros() -> None:
    moment = datetime(2024, 1, 1, 1, 1, 1, 5_999, tzinfo=UTC)
    assert format_moment(moment, "S SS SSS SSSS SSSSSSSSS x") == "0 00 005 0050 005000000 1704070861005"


def test_ordinal_numbers_have_english_suffixes() -> None:
    days = [
        format_moment(datetime(2024, 1, day, tzinfo=UTC), "Do")
        for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)
    ]
    assert days == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st"]
    assert format_moment(datetime(2024, 4, 20, tzinfo=UTC), "DDDo") == "111th"


@pytest.mark.parametrize(
    ("hour", "expected"),
    [(0, "12 am 24"), (1, "1 am 1"), (11, "11 am 11"), (12, "12 pm 12"), (13, "1 pm 13")],
)
def test_twelve_hour_clock_has_no_hour_zero(hour: int, expected: str) -> None:
    assert format_moment(datetime(2024, 1, 1, hour, tzinfo=UTC), "h a k") == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Tokyo", "2020-01-10 09:30 JST +0900"),
        ("America/New_York", "2020-01-09 19:30 EST -0500"),
        ("Asia/Kolkata", "2020-01-10 06:00 IST +0530"),
        ("America/Sao_Paulo", "2020-01-09 21:30 -03 -0300"),
        ("utc", "2020-01-10 00:30 UTC +0000"),
        ("asia/TOKYO", "2020-01-10 09:30 JST +0900"),
    ],
)
def test_time_zone_sets_the_offset_of_a_date(zone: str, expected: str) -> None:
    assert format_moment(MOMENT.astimezone(find_zone(zone)), "YYYY-MM-DD HH:mm z ZZ") == expected


def test_date_with_a_time_zone_and_no_pattern_shows_its_offset() -> None:
    assert format_moment(MOMENT.astimezone(find_zone("Asia/Tokyo"))) == "2020-01-10T09:30:05+09:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "Asia", "/etc/localtime", "a\0b"])
def test_unknown_time_zone_is_none(zone: str) -> None:
    assert find_zone(zone) is None


def test_missing_time_zone_data_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(ConfigError, match="this machine has no time zone data") as caught:
        find_zone("Mars/Olympus")
    assert "tzdata" in (caught.value.hint or "")


class TestProperties:
    @given(st.text(max_size=30), st.datetimes(timezones=st.just(UTC)))
    def test_any_date_pattern_and_date_give_the_same_text_twice(self, pattern: str, moment: datetime) -> None:
        assert format_moment(moment, pattern) == format_moment(moment, pattern)

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_date_in_the_default_format_is_read_back_without_microseconds(self, moment: datetime) -> None:
        assert datetime.fromisoformat(format_moment(moment)) == moment.replace(microsecond=0)

    @given(st.text(max_size=20))
    def test_any_time_zone_name_is_found_or_none(self, name: str) -> None:
        find_zone(name)
