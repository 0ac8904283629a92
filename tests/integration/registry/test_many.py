"""Many tags and manifests at once: what is answered so is what each request alone would give, and nothing else is."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from release.app.images.list_tags import held_by
from release.control import Cancel, Deadline
from release.errors import Interrupted, Invalid
from release.oci import OCI_MANIFEST, Descriptor
from release.registry.http.lines import Line
from release.registry.http.watchdog import Exchange, Limits
from tests.support.registries.hostile import Drip, Hang, HostileServer, Reply, Request
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.registry import PASSWORD, USERNAME, RegistryFactory
from tests.support.registries.targets import TargetsFactory

Hostile = Callable[..., HostileServer]
IMAGE = make_image()
RAW = IMAGE.manifest.raw
TAGS = tuple(f"t-{number}" for number in range(40))
HEADERS = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": IMAGE.digest}
QUICK = Limits(connect=2, answer=0.5, commit=0.5, stall=0.5, pace=1000)
HEAD = f"Content-Type: {OCI_MANIFEST}\r\nDocker-Content-Digest: {IMAGE.digest}\r\n"
OTHER = f"sha256:{'0' * 64}"


def plain(request: Request) -> Reply:
    """Answer as a registry does in which every tag names `IMAGE`."""
    return Reply(200, {**HEADERS, "Content-Length": str(len(RAW))}, RAW)


@pytest.mark.parametrize("auth", [None, "basic", "token"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "TLS"])
def test_many_tags_and_manifests_are_what_each_alone_is(
    registry_factory: RegistryFactory, make_targets: TargetsFactory, tmp_path: Path, auth: Any, tls: bool
) -> None:
    server = registry_factory(auth=auth, tls=tls)
    env: dict[str, str] = {}
    if auth:
        pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": pair}}}))
        env["DOCKER_CONFIG"] = str(tmp_path)
    repository: Any = make_targets(env=env, ca=server.ca and str(server.ca)).open(f"{server.host}/acme/app")
    images = [make_image({"n": str(number).encode()}) for number in range(34)]
    top = make_index(*images[:2])
    for number, one in enumerate([top, *images]):
        store(one, repository, f"t-{number}", f"u-{number}")
    fresh: Any = make_targets(env=env, ca=server.ca and str(server.ca)).open(f"{server.host}/acme/app")
    tags = fresh.tags()
    found = fresh.resolve_many([*tags, "absent"])
    assert len(found) == len(tags) == 70
    assert found == {tag: repository.resolve(tag) for tag in tags}
    digests = sorted({one.digest for one in found.values()})
    assert fresh.read_many(digests) == {one: repository.manifest(one) for one in digests}
    assert fresh.read_many(digests) == {}, "known manifests are not read again"


def test_list_of_tags_with_digests_is_whole_although_one_answer_is_not_plain(
    hostile: Hostile, make_targets: TargetsFactory
) -> None:
    first = itertools.count()

    def answer(request: Request) -> Any:
        if request.path.endswith("/t-7"):
            return Reply(200, {"Content-Type": "text/html"})
        if request.path.endswith("/t-9") and next(first) == 0:
            return Reply(503)
        return Reply(404) if request.path.endswith("/t-8") else plain(request)

    targets = make_targets()
    repository = targets.open(f"{hostile(answer).host}/acme/app")
    found = held_by(cast(Any, targets), repository, TAGS)
    assert list(found) == list(TAGS)
    odd = {tag: type(one) for tag, one in found.items() if not isinstance(one, Descriptor)}
    assert odd == {"t-7": Invalid, "t-8": type(None)}


UNUSUAL: dict[str, Any] = {
    "500": Reply(500),
    "401": Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}),
    "429": Reply(429, {"Retry-After": "0"}),
    "redirect": Reply(307, {"Location": "/v2/elsewhere"}),
    "chunks": Reply(raw=f"HTTP/1.1 200 OK\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()),
    "two lengths": Reply(
        raw=f"HTTP/1.1 200 OK\r\n{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n".encode()
    ),
    "two digests": Reply(
        raw=f"HTTP/1.1 200 OK\r\n{HEAD}docker-content-digest: {OTHER}\r\nContent-Length: 2\r\n\r\n".encode()
    ),
    "a folded line": Reply(raw=f"HTTP/1.1 200 OK\r\n{HEAD} folded\r\nContent-Length: 2\r\n\r\n".encode()),
    "an end in the head": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Type: a"),
    "no end of the head": Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000),
    "no answer": None,
    "a hang": Hang(),
    "a drip": Drip(b"HTTP/1.1 200 OK\r\n" + HEAD.encode(), 0.02),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_answer_of_another_form_is_left_to_a_request_alone(
    hostile: Hostile, make_targets: TargetsFactory, kind: str
) -> None:
    def answer(request: Request) -> Any:
        return UNUSUAL[kind] if request.path.endswith("/t-3") else plain(request)

    targets = make_targets(limits=QUICK)
    server = hostile(answer)
    repository: Any = targets.open(f"{server.host}/acme/app")
    found = repository.resolve_many(TAGS)
    assert "t-3" not in found
    if kind in ("500", "401", "429", "redirect"):
        assert len(server.seen("HEAD")) <= 4 + 16, "a refusal does not end the rest"
    # Those that were under way with it have their answers.
    assert {f"t-{number}" for number in range(3)} <= found.keys()
    assert {one.digest for one in found.values()} == {IMAGE.digest}


@pytest.mark.parametrize(
    "raw",
    [
        f"HTTP/1.0 200 OK\r\n{HEAD}Content-Length: 9\r\n\r\n",
        f"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\n{HEAD}Content-Length: 9\r\n\r\n",
        f"HTTP/1.1 200 OK\r\n{HEAD}X: a\nContent-Length: 9\r\n\r\n",
    ],
    ids=["HTTP/1.0", "interim answer", "a single LF"],
)
def test_unusual_answer_that_is_understood_alone_is_understood_among_many(
    hostile: Hostile, make_targets: TargetsFactory, raw: str
) -> None:
    def answer(request: Request) -> Any:
        return Reply(raw=raw.encode()) if request.path.endswith("/t-3") else plain(request)

    repository: Any = make_targets(limits=QUICK).open(f"{hostile(answer).host}/acme/app")
    found = repository.resolve_many(TAGS)
    assert found["t-3"] == repository.resolve("t-3")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "5"}, b""),
        ({"Content-Length": str(len(RAW) + 5)}, b""),
        ({"Content-Length": str(10**8)}, b""),
        ({"Docker-Content-Digest": OTHER, "Content-Length": str(len(RAW))}, RAW),
        ({"Content-Type": "text/html", "Content-Length": str(len(RAW))}, RAW),
        ({"Content-Length": str(len(RAW))}, RAW.replace(b"sha256:", b"sha256:0", 1)[: len(RAW)]),
    ],
    ids=["short", "long", "huge", "other digest", "no manifest", "other bytes"],
)
def test_wrong_manifest_is_left_to_a_request_alone(
    hostile: Hostile, make_targets: TargetsFactory, headers: dict[str, str], body: bytes
) -> None:
    images = {one.digest: one for one in (make_image({"n": str(n).encode()}) for n in range(40))}

    def answer(request: Request) -> Any:
        one = images.get(request.path.rpartition("/")[2])
        if one is None:
            return Reply()  # the question whether this is a registry
        given = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": one.digest}
        wrong = next(iter(images)) == one.digest
        return (
            Reply(200, {**given, **headers}, body or one.manifest.raw)
            if wrong
            else Reply(200, given, one.manifest.raw)
        )

    targets = make_targets(limits=QUICK)
    repository: Any = targets.open(f"{hostile(answer).host}/acme/app")
    found = repository.read_many(list(images))
    assert next(iter(images)) not in found
    assert len(found) >= 15
    assert all(found[one].raw == images[one].manifest.raw for one in found)


class OneConnection:
    """Kept connections, of which there is one, whose other end the test holds."""

    def __init__(self) -> None:
        self.sock, self.other = socket.socketpair()
        self.is_connected = True

    def take(self) -> Any:
        return self

    def give(self, _: Any) -> None:
        pass

    def close(self) -> None:
        self.sock.close()


def test_bytes_before_a_request_are_no_answer_to_it() -> None:
    pool, cancel = OneConnection(), Cancel()
    deadline = Deadline(None, now=time.monotonic)
    exchange = Exchange(
        cancel=cancel, deadline=deadline, limits=QUICK, now=time.monotonic, accept=lambda _: None
    )
    line = Line(pool, exchange, exchange.close)
    answer = f"HTTP/1.1 200 OK\r\n{HEAD}\r\n".encode()
    line.send(b"HEAD / HTTP/1.1\r\n\r\n")
    pool.other.sendall(answer)
    assert line.read(is_head=True, most=0) is not None
    assert line.is_usable
    pool.other.sendall(answer)  # nobody asked
    with pytest.raises(OSError, match="before the request"):
        line.send(b"HEAD / HTTP/1.1\r\n\r\n")
    line.close()
    pool.other.close()
    assert pool.sock.fileno() == -1, "the connection is not used again"


def test_connections_that_end_after_a_few_requests_are_replaced(
    hostile: Hostile, make_targets: TargetsFactory
) -> None:
    count = itertools.count()

    def answer(request: Request) -> Any:
        more = {"Connection": "close"} if next(count) % 5 == 4 else {}
        return Reply(200, {**HEADERS, **more, "Content-Length": str(len(RAW))}, RAW)

    server = hostile(answer)
    repository: Any = make_targets().open(f"{server.host}/acme/app")
    tags = [f"t-{number}" for number in range(300)]
    assert repository.resolve_many(tags).keys() == set(tags)
    assert len(server.seen("HEAD")) == 300


def test_cancelled_run_ends_at_once_while_answers_are_awaited(
    hostile: Hostile, make_targets: TargetsFactory
) -> None:
    targets = make_targets()

    def answer(request: Request) -> Any:
        if request.path.endswith("/t-20"):
            threading.Timer(0.05, targets.cancel.trip, [Interrupted("stop")]).start()
            return Hang()
        return plain(request)

    repository: Any = targets.open(f"{hostile(answer).host}/acme/app")
    begin = time.monotonic()
    with pytest.raises(Interrupted):
        repository.resolve_many(TAGS)
    assert time.monotonic() - begin < 5
