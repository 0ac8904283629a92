"""The list of a registry's repositories: pages, sizes, names that are none, and registries that do not have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from release.errors import Denied, Invalid, NotFound, RegistryError
from release.oci.reference import Reference
from release.registry import catalog
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.targets import TargetsFactory

Serve = Callable[..., HostileServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that starts a server from a function `answer(request)`."""
    made: list[HostileServer] = []

    def start(answer: Callable[[Request], Any]) -> HostileServer:
        made.append(HostileServer(answer))
        return made[-1]

    yield start
    for server in made:
        server.close()


def listed(make_targets: TargetsFactory, server: HostileServer, begin: str = "") -> tuple[str, ...]:
    within = Reference(registry=server.host, repository="acme")
    return make_targets().repositories(within, lambda path: path.startswith(begin))


def page(*names: object, link: str = "") -> Reply:
    headers = {"Link": link} if link else {}
    return Reply(200, headers, json.dumps({"repositories": names}).encode())


def test_list_of_repositories_is_read_page_by_page_in_the_size_that_the_registry_accepts(
    serve: Serve, make_targets: TargetsFactory
) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        if "_catalog" not in request.path:
            return Reply()
        asked.append(request.path)
        query = parse_qs(urlsplit(request.path).query)
        if int(query.get("n", ["0"])[0]) > 100:
            return Reply(400, {}, b'{"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]}')
        if "last" in query:
            return page("acme/b", "Not/A/Name", "../x", None, 3, "other/a")
        return page("acme/c", "acme/a", "acme/b", link='</v2/_catalog?last=acme%2Fb&n=100>; rel="next"')

    assert listed(make_targets, serve(answer), "acme/") == ("acme/a", "acme/b", "acme/c")
    assert asked == ["/v2/_catalog?n=1000", "/v2/_catalog?n=100", "/v2/_catalog?last=acme%2Fb&n=100"]


ANSWERS: tuple[tuple[Reply, type[RegistryError], str], ...] = (
    (Reply(404, {}, b"404 page not found"), NotFound, "does not list its repositories"),
    (Reply(403, {}, b'{"errors": [{"code": "DENIED"}]}'), Denied, "does not list its repositories"),
    (Reply(200, {}, b"<html>"), Invalid, "not a list of repositories"),
    (page("acme/a", link='<https://example.org/v2/_catalog?last=a>; rel="next"'), Invalid, "another host"),
)


@pytest.mark.parametrize(("reply", "error", "says"), ANSWERS, ids=("404", "403", "HTML", "another host"))
def test_registry_without_a_list_of_repositories_is_told_with_the_way_around(
    serve: Serve, make_targets: TargetsFactory, reply: Reply, error: type[RegistryError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        listed(make_targets, serve(lambda request: reply if "_catalog" in request.path else Reply()))
    assert "`--repositories FILE`" in (caught.value.hint or "")


def test_list_of_everybodys_repositories_is_given_up(
    serve: Serve, make_targets: TargetsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_MOST", 2)
    server = serve(lambda request: page("a/a", "b/b", "c/c") if "_catalog" in request.path else Reply())
    with pytest.raises(Invalid, match="more than 2 repositories"):
        listed(make_targets, server)
