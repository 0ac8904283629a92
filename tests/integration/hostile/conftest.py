"""Fixtures of the hostile workspaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.hostile.listener import Listener
from tests.integration.hostile.scene import Forks


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    """Give a server that records what it receives; no secret may reach it."""
    server = Listener()
    yield server
    server.close()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Give a server process that has imported shipmark, and forks for each command."""
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()
