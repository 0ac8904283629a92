"""What registries do that the specification leaves open: pages, redirected writes, waits, silent hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from release.errors import Invalid
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.targets import TargetsFactory

Serve = Callable[..., HostileServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that starts a server from a function `answer(request)`."""
    made: list[HostileServer] = []

    def start(answer: Callable[[Request], Any], **more: Any) -> HostileServer:
        made.append(HostileServer(answer, **more))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.mark.parametrize(
    ("largest", "asked"), [(1000, ["1000"]), (100, ["1000", "100"]), (0, ["1000", "100", ""])]
)
def test_a_list_is_read_in_the_pages_that_the_registry_accepts(
    serve: Serve, make_targets: TargetsFactory, largest: int, asked: list[str]
) -> None:
    sizes: list[str] = []

    def answer(request: Request) -> Reply:
        if "tags/list" not in request.path:
            return Reply()
        sizes.append(parse_qs(urlsplit(request.path).query).get("n", [""])[0])
        if sizes[-1] and int(sizes[-1]) > largest:
            return Reply(400, {}, b'{"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]}')
        return Reply(200, {}, b'{"tags": ["1.0"]}')

    repository = make_targets().open(f"{serve(answer).host}/app")
    assert repository.tags() == ("1.0",)
    assert sizes == asked
    assert repository.tags() == ("1.0",)
    assert sizes == [*asked, asked[-1]]


def test_a_list_that_is_refused_in_any_size_is_an_error(serve: Serve, make_targets: TargetsFactory) -> None:
    server = serve(
        lambda request: (
            Reply(400, {}, b'{"errors": [{"code": "NAME_INVALID"}]}') if "list" in request.path else Reply()
        )
    )
    with pytest.raises(Invalid, match="NAME_INVALID"):
        make_targets().open(f"{server.host}/app").tags()
