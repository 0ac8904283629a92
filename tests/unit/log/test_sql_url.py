"""Database URLs as people write them: a password may hold anything."""

from __future__ import annotations

import pytest

from release.errors import ConfigError
from release.log.stores.sql.urls import located, name_of, parse_url


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


@pytest.mark.parametrize(
    ("url", "options", "name"),
    [
        ("%2Frun%2Fpg/log", {"host": "/run/pg"}, "postgresql:///log?host=/run/pg"),
        ("u@%2Frun%2Fpg:5433/log", {"host": "/run/pg", "port": "5433"}, "postgresql:///log?host=/run/pg"),
        (
            "u:p@db1:5432,db2:5433/log",
            {"host": "db1,db2", "port": "5432,5433"},
            "postgresql://db1:5432,db2:5433/log",
        ),
        ("u@db1,[::1]:5433/log", {"host": "db1,::1", "port": ",5433"}, "postgresql://db1,[::1]:5433/log"),
        ("u@a,b/log?host=c", {"host": "c"}, "postgresql://c/log"),
        ("u@/log?host=a,b&port=5433", {"host": "a,b", "port": "5433"}, "postgresql://a:5433,b:5433/log"),
        ("/log", {}, "postgresql:///log"),
        ("?service=releases", {"service": "releases"}, "postgresql:///?service=releases"),
        ("[::1]:5432/log", {}, "postgresql://[::1]:5432/log"),
    ],
)
def test_database_urls_are_read_as_libpq_reads_them_and_named_by_their_hosts(
    url: str, options: dict[str, str], name: str
) -> None:
    read = parse_url(f"postgresql://{url}")
    assert dict(read.query) == options
    assert name_of(read) == name


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///log.db?mode=ro",
        "sqlite:///log?1.db",
        "sqlite:///file:log.db?uri=true",
        "sqlite:///file:log.db",
        "sqlite://host/log.db",
        "sqlite://user:hunter2@host/log.db",
    ],
)
def test_sqlite_url_with_more_than_a_path_is_refused_instead_of_naming_another_file(url: str) -> None:
    with pytest.raises(ConfigError, match="more than the path of a SQLite file") as caught:
        parse_url(url)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
    assert "sqlite:///releases.db" in str(caught.value.hint)


def test_relative_path_of_a_sqlite_url_is_taken_from_the_top_folder() -> None:
    assert located(parse_url("sqlite:///log.db"), "/repository").database == "/repository/log.db"
    assert located(parse_url("sqlite:////var/log.db"), "/repository").database == "/var/log.db"
    assert located(parse_url("sqlite:///log.db"), None).database == "log.db"
    assert located(parse_url("postgresql://db/log"), "/repository").database == "log"
