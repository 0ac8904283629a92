"""The database of a SQL log: from the config, else from SHIPMARK_LOG_URL."""

from __future__ import annotations

import pytest

from release.app.log.open_log import sql_url, unused_url
from release.config.model import LogSection

ENV = {"SHIPMARK_LOG_URL": "sqlite:////log.db\n"}


@pytest.mark.parametrize("url", [None, "", "sqlite:////log.db", "sqlite:////log.db\n"])
def test_url_of_the_database_is_read_without_the_line_break_of_a_file(url: str | None) -> None:
    assert sql_url(LogSection(store="sql", url=url), ENV) == "sqlite:////log.db"


def test_url_of_the_config_counts_before_the_variable() -> None:
    assert sql_url(LogSection(store="sql", url="sqlite:////own.db"), ENV) == "sqlite:////own.db"


@pytest.mark.parametrize(
    ("urls", "warns"),
    [
        ([], False),
        ([None], False),
        (["sqlite:////log.db"], False),
        (["sqlite:////own.db"], True),
        (["sqlite:////own.db", "sqlite:////log.db"], False),
        (["sqlite:////own.db", None], False),
        (["sqlite:////own.db", "sqlite:////copy.db"], True),
    ],
)
def test_variable_that_names_another_database_than_the_config_is_named_in_a_warning(
    urls: list[str | None], warns: bool
) -> None:
    sections = [LogSection(store="file"), *(LogSection(store="sql", url=url) for url in urls)]
    said = unused_url(sections, ENV)
    assert ("`SHIPMARK_LOG_URL` is not used" in said) == warns
    assert "sqlite" not in said
    assert unused_url(sections, {}) == ""
