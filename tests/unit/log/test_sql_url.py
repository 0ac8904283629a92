"""Database URLs as people write them: a password may hold anything."""

from __future__ import annotations

import pytest

from release.errors import ConfigError
from release.log.stores.sql.schema import name_of, parse_url


@pytest.mark.parametrize(
    ("password", "read"),
    [
        ("hunter2", "hunter2"),
        ("hun@ter2", "hun@ter2"),
        ("hun/ter2", "hun/ter2"),
        ("h@n/t@r#2?%", "h@n/t@r#2?%"),
        ("hun%40ter2", "hun@ter2"),
        ("hun:ter2", "hun:ter2"),
        ("hun+ter2", "hun+ter2"),
    ],
)
@pytest.mark.parametrize("behind", ["db/log", "db:5432/log", "db/log?application_name=a@b&sslmode=require"])
def test_password_in_a_database_url_may_contain_at_signs_and_slashes(
    password: str, read: str, behind: str
) -> None:
    url = parse_url(f"postgresql://rel:{password}@{behind}")
    assert (url.username, url.password, url.host, url.database) == ("rel", read, "db", "log")
    assert name_of(url) == f"postgresql://db{':5432' if ':5432' in behind else ''}/log"


def test_database_urls_without_a_password_are_parsed() -> None:
    assert parse_url("postgresql://db/log").host == "db"
    assert parse_url("postgresql://rel@db/log").username == "rel"
    assert parse_url("sqlite:////tmp/a@b.db").database == "/tmp/a@b.db"


@pytest.mark.parametrize(
    "text", ["postgresql://rel:hunter2@db:port/log", "mysql://rel:hunter2@db/log", "hunter2@db"]
)
def test_error_for_an_invalid_database_url_does_not_show_the_password(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url(text)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
