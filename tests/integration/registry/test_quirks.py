"""What registries do that the specification leaves open: pages, redirected writes, waits, silent hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from release.errors import ConfigError, Invalid, RegistryError, Unreachable
from release.oci import OCI_INDEX, Descriptor, Manifest
from release.oci.manifest import digest_bytes
from release.registry.http.retry import RetryPolicy
from release.registry.http.tls import Trust
from release.registry.http.watchdog import Limits
from tests.support.registries.hostile import Hang, HostileServer, Reply, Request
from tests.support.registries.images import make_image
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
@pytest.mark.parametrize("status", [400, 404])
def test_a_list_of_tags_is_read_in_the_page_size_that_the_registry_accepts(
    serve: Serve, make_targets: TargetsFactory, largest: int, asked: list[str], status: int
) -> None:
    sizes: list[str] = []

    def answer(request: Request) -> Reply:
        if "tags/list" not in request.path:
            return Reply()
        sizes.append(parse_qs(urlsplit(request.path).query).get("n", [""])[0])
        if sizes[-1] and int(sizes[-1]) > largest:
            return Reply(status, {}, b'{"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]}')
        return Reply(200, {}, b'{"tags": ["1.0"]}')

    repository = make_targets().open(f"{serve(answer).host}/app")
    assert repository.tags() == ("1.0",)
    assert sizes == asked
    assert repository.tags() == ("1.0",)
    assert sizes == [*asked, asked[-1]]


@pytest.mark.parametrize(("code", "requests"), [("NAME_UNKNOWN", 1), ("NOT_FOUND", 3)])
def test_a_list_of_tags_is_missing_when_the_registry_says_so_or_at_last_without_a_page_size(
    serve: Serve, make_targets: TargetsFactory, code: str, requests: int
) -> None:
    body = b'{"errors": [{"code": "%s"}]}' % code.encode()
    server = serve(lambda request: Reply(404, {}, body) if "list" in request.path else Reply())
    assert make_targets().open(f"{server.host}/app").tags() == ()
    assert len([one for one in server.requests if "list" in one.path]) == requests


def test_a_list_of_tags_that_is_refused_in_every_page_size_is_an_error(
    serve: Serve, make_targets: TargetsFactory
) -> None:
    server = serve(
        lambda request: (
            Reply(400, {}, b'{"errors": [{"code": "NAME_INVALID"}]}') if "list" in request.path else Reply()
        )
    )
    with pytest.raises(Invalid, match="NAME_INVALID"):
        make_targets().open(f"{server.host}/app").tags()


@pytest.mark.parametrize("hops", [0, 1, 5, 6])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_five_redirects_in_a_row_are_followed_and_six_are_refused(
    serve: Serve, make_targets: TargetsFactory, hops: int, method: str
) -> None:
    raw = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
    digest = digest_bytes(raw)
    left = [hops]

    def answer(request: Request) -> Reply:
        if "/manifests/" not in request.path:
            return Reply()
        if left[0]:
            left[0] -= 1
            return Reply(307, {"Location": f"{request.path}?hop={left[0]}"})
        assert request.body == (raw if request.method == "PUT" else b"")
        return Reply(
            201 if request.method == "PUT" else 200,
            {"Content-Type": OCI_INDEX, "Docker-Content-Digest": digest},
            b"" if method == "PUT" else raw,
        )

    repository = make_targets().open(f"{serve(answer).host}/app")
    manifest = Manifest(media_type=OCI_INDEX, digest=digest, raw=raw)

    def ask() -> None:
        if method == "PUT":
            repository.put_manifest(manifest, tag="1.0")
        else:
            assert repository.manifest("1.0").digest == digest

    if hops <= 5:
        ask()
    else:
        with pytest.raises(Invalid, match="too often") as refused:
            ask()
        assert "a proxy before the registry" in str(refused.value.hint)


def test_a_write_that_is_redirected_by_303_is_not_repeated(
    serve: Serve, make_targets: TargetsFactory
) -> None:
    server = serve(
        lambda request: Reply(303, {"Location": "/elsewhere"}) if request.method == "POST" else Reply()
    )
    with pytest.raises(Invalid, match="answered 303") as refused:
        make_targets().open(f"{server.host}/app").check_push()
    assert "a proxy before the registry" in str(refused.value.hint)
    assert "/elsewhere" not in [request.path for request in server.requests]


def test_no_request_is_sent_to_a_registry_host_after_a_time_without_any_answer(
    serve: Serve, make_targets: TargetsFactory
) -> None:
    server = serve(lambda request: Hang() if "/app/" in request.path else Reply())
    policy = RetryPolicy(attempts=6, base=0.01, cap=0.01, silence=1.0)
    limits = Limits(connect=0.5, answer=0.5, stall=0.5)
    repository = make_targets(policy=policy, limits=limits).open(f"{server.host}/app")
    with pytest.raises(
        Unreachable, match=r"no answer within 0\.5 seconds \(nothing was heard for 1 seconds\)"
    ):
        repository.tags()
    asked = len(server.requests)
    with pytest.raises(Unreachable, match="nothing was heard"):
        repository.resolve("1.0")
    assert len(server.requests) == asked


def test_a_source_that_stalls_is_named_and_its_attempts_are_not_repeated(
    serve: Serve, make_targets: TargetsFactory
) -> None:
    content = b"x" * 500_000
    blob = Descriptor(media_type="application/octet-stream", digest=digest_bytes(content), size=len(content))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()

    def half(request: Request) -> Any:
        return Reply(raw=head + content[:1000], length=None) if "/blobs/" in request.path else Reply()

    def take(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(404)
        if request.method == "POST":
            return Reply(202, {"Location": "/v2/app/blobs/uploads/1"})
        return Reply(201)

    source, target = serve(half), serve(take)
    policy = RetryPolicy(attempts=3, base=0.01, cap=0.01, silence=60.0)
    limits = Limits(connect=2, answer=2, stall=0.6)
    targets = make_targets(policy=policy, limits=limits)
    reader, writer = targets.open(f"{source.host}/app"), targets.open(f"{target.host}/app")
    with pytest.raises(RegistryError) as caught:
        writer.put_blob(blob, lambda: cast(Any, reader).open_raw(blob))
    assert source.host in caught.value.message
    assert target.host not in caught.value.message
    assert (
        len([request for request in source.requests if request.method == "GET" and "/blobs/" in request.path])
        == 3
    )
    assert len(target.seen("POST")) == 1


def _ranges(kind: str, at: int, content: bytes) -> Reply:
    """Return an answer of a server with ranges of its own to the request for the bytes from `at` on."""
    rest, last = content[at:], len(content) - 1
    return {
        "off by one": Reply(206, {"Content-Range": f"bytes {at + 1}-{last}/{last + 1}"}, rest[1:]),
        "without a header": Reply(206, {}, rest),
        "in several parts": Reply(206, {"Content-Type": "multipart/byteranges; boundary=x"}, b"--x" + rest),
        "refused": Reply(416, {"Content-Range": f"bytes */{at}"}),
    }[kind]


@pytest.mark.parametrize("kind", ["off by one", "without a header", "in several parts", "refused"])
def test_a_blob_is_read_from_the_start_if_the_server_does_not_send_the_missing_range(
    serve: Serve, make_targets: TargetsFactory, kind: str
) -> None:
    content = bytes(range(256)) * 1000
    blob = Descriptor(media_type="application/octet-stream", digest=digest_bytes(content), size=len(content))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    asked: list[str | None] = []

    def answer(request: Request) -> Any:
        if "/blobs/" not in request.path:
            return Reply()
        asked.append(request.headers.get("range"))
        if len(asked) == 1:
            return Reply(raw=head + content[:100_000], length=None)
        at = asked[-1]
        return _ranges(kind, int(at[6:-1]), content) if at is not None else Reply(200, {}, content)

    policy = RetryPolicy(base=0.01, cap=0.01)
    with make_targets(policy=policy).open(f"{serve(answer).host}/app").open_blob(blob) as stream:
        assert stream.read() == content
    assert [one is None for one in asked] == [True, False, True]


@pytest.mark.parametrize("status", [405, 501])
def test_blobs_and_tags_are_found_by_get_where_the_registry_has_no_head(
    serve: Serve, make_targets: TargetsFactory, status: int
) -> None:
    manifest = make_image().manifest
    blob = Descriptor(media_type="application/octet-stream", digest=digest_bytes(b"x"), size=1)

    def answer(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(status)
        if request.path.endswith((blob.digest, "/v2/")):
            return Reply(200, {}, b"x")
        found = request.path.endswith("/1.0")
        return Reply(200, {"Content-Type": manifest.media_type}, manifest.raw) if found else Reply(404)

    repository = make_targets().open(f"{serve(answer).host}/app")
    assert repository.has_blob(blob)
    missing = Descriptor(media_type="application/octet-stream", digest=digest_bytes(b"y"), size=1)
    assert not repository.has_blob(missing)
    found = [repository.resolve(tag) for tag in ("1.0", "2.0")]
    assert [one and one.digest for one in found] == [manifest.digest, None]


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        (Reply(413, {}, b"<html>413</html>"), "client_max_body_size 0"),
        (Reply(507), "storage of the registry is full"),
        (Reply(412, {}, b'{"errors":[{"code":"PRECONDITION","message":"configured as immutable"}]}'), "moving: false"),
        (Reply(409, {}, b'{"errors":[{"code":"TAG_ALREADY_EXISTS","message":""}]}'), "moving: false"),
        (Reply(405), "pull-through cache, or the host"),
    ],
)  # fmt: skip
def test_a_refused_manifest_has_a_hint_about_the_reason_of_the_refusal(
    serve: Serve, make_targets: TargetsFactory, reply: Reply, hint: str
) -> None:
    server = serve(lambda request: reply if request.method == "PUT" else Reply(404))
    policy = RetryPolicy(attempts=1)
    with pytest.raises(RegistryError) as caught:
        make_targets(policy=policy).open(f"{server.host}/app").put_manifest(make_image().manifest, tag="1.0")
    assert hint in str(caught.value.hint)


def test_a_web_page_in_place_of_an_image_has_a_hint_about_the_address(
    serve: Serve, make_targets: TargetsFactory
) -> None:
    server = serve(lambda _: Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>log in</html>"))
    with pytest.raises(Invalid, match="media type `text/html`") as caught:
        make_targets().open(f"{server.host}/app").resolve("1.0")
    assert "host and port" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("entry", "host", "direct"),
    [
        ("registry.lan", "registry.lan", True),
        ("registry.lan", "registry.lan:5000", True),
        ("registry.lan:5000", "registry.lan:5000", True),
        ("registry.lan:5000", "registry.lan", False),
        ("registry.lan:443", "registry.lan", True),
        ("lan", "registry.lan", True),
        (".lan", "registry.lan", True),
        ("*.lan", "registry.lan", True),
        ("*.lan", "registry.plan", False),
        ("lan", "registry.plan", False),
        ("a.io, registry.lan", "registry.lan", True),
        ("a.io registry.lan", "registry.lan", True),
        ("a.io|*.lan", "registry.lan", True),
        ("a.io;*.lan", "registry.lan", True),
        ("REGISTRY.LAN", "registry.lan", True),
        ("registry.lan.", "registry.lan", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3:5000", "10.1.2.3:5000", True),
        ("fd00::/8", "[fd00::1]:5000", True),
        ("[fd00::1]", "[fd00::1]:5000", True),
        ("<local>", "registry", True),
        ("<local>", "registry.lan", False),
        ("*", "registry.lan", True),
        ("", "registry.lan", False),
        ("[bad", "registry.lan", False),
    ],
)
def test_no_proxy_entries_select_the_hosts_that_are_reached_directly(
    entry: str, host: str, direct: bool
) -> None:
    trust = Trust(env={"HTTPS_PROXY": "http://proxy.lan:3128", "NO_PROXY": entry})
    assert trust.proxy("https", host) == (None if direct else "http://proxy.lan:3128")


def test_no_proxy_is_read_as_by_go_except_for_a_leading_dot_which_is_read_as_by_curl() -> None:
    """The rows are those of golang.org/x/net/http/httpproxy, `UseProxyTests`; only the hosts that are marked differ."""
    without = (
        "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30,"
        " 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"
    )
    used = {
        *("[::2]", "192.168.1.2", "192.168.1.4", "[2001:db8::52:0:2]", "[fe80::424b:c8be:1643:a1b6]"),
        *("foofoobar.com", "baz.com", "localhost.net", "local.localhost", "barbarbaz.net", "awildcard.io"),
    }
    direct = {
        *("192.168.1.1", "192.168.1.3", "10.0.0.2", "[2001:db8::52:0:1]", "[2001:db8::52:0:3]"),
        *("[2002:db8:a::123]", "www.barbaz.net", "foobar.com", "www.foobar.com", "nested.wildcard.io"),
        *("barbaz.net", "wildcard.io"),  # Go uses the proxy: there a leading dot excludes the domain itself
    }
    trust = Trust(env={"http_proxy": "proxy.lan:3128", "HTTP_PROXY": "ftp://ignored", "no_proxy": without})
    assert {host for host in used | direct if trust.proxy("http", f"{host}:80") is not None} == used
    assert trust.proxy("https", "baz.com") is None
    assert Trust(env={"HTTP_PROXY": "a:1", "NO_PROXY": ":1"}).proxy("http", "baz.com") == "http://a:1"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("socks5://u:hidden@proxy.lan:1080", "SOCKS"),
        ("socks5h://proxy.lan", "SOCKS"),
        ("http://[bad", "not the URL of a proxy"),
        ("http://u:hidden@proxy.lan:port", "not the URL of a proxy"),
        ("ftp://proxy.lan", "not the URL of a proxy"),
    ],
)
def test_unusable_proxy_in_the_environment_is_a_config_error_that_hides_the_password(
    value: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Trust(env={"ALL_PROXY": value}).proxy("https", "ghcr.io")
    assert "ALL_PROXY" in caught.value.message
    assert "hidden" not in caught.value.message
