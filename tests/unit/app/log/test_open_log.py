"""The database of a SQL log: from the config, else from SHIPMARK_LOG_URL."""

from __future__ import annotations

import pytest

from release.app.log.open_log import sql_url
from release.config.model import LogSection

ENV = {"SHIPMARK_LOG_URL": "sqlite:////log.db\n"}


@pytest.mark.parametrize("url", [None, "", "sqlite:////log.db", "sqlite:////log.db\n"])
def test_url_of_the_database_is_read_without_the_line_break_of_a_file(url: str | None) -> None:
    assert sql_url(LogSection(store="sql", url=url), ENV) == "sqlite:////log.db"


def test_url_of_the_config_counts_before_the_variable() -> None:
    assert sql_url(LogSection(store="sql", url="sqlite:////own.db"), ENV) == "sqlite:////own.db"
