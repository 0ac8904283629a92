"""Registries that try to get a credential: it stays with the host that it is for, and is not shown."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

import release.registry.http.sockets
from release.errors import Denied, Invalid, Unreachable
from release.registry.http.address_policy import Reach, reach_of
from tests.support.registries.hostile import Hostile, Reply, Request
from tests.support.registries.images import blob_of, make_image
from tests.support.registries.logins import (
    BASIC,
    SECRET,
    USER,
    asks_for_basic,
    asks_for_bearer,
    leaks,
    login_for,
)
from tests.support.registries.targets import TargetsFactory
from tests.support.registries.tls import Authority


class TestCredentialsStayHome:
    def test_upload_address_at_another_host_gets_no_credential(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        content = b"x" * 1000
        elsewhere = hostile(lambda request: Reply(201))

        def registry(request: Request) -> Reply:
            if request.method == "POST":
                return Reply(202, {"Location": f"{elsewhere.url}/upload?_state=1"})
            return Reply(404)

        server = hostile(asks_for_basic(registry))
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        assert remote.put_blob(blob_of(content), lambda: io.BytesIO(content))
        assert [request.method for request in elsewhere.requests] == ["PUT"]
        assert leaks(elsewhere) == []
        assert leaks(server) != []

    def test_upload_host_that_requires_a_credential_is_named_in_the_hint(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        elsewhere = hostile(lambda request: BASIC)
        server = hostile(
            asks_for_basic(
                lambda request: (
                    Reply(202, {"Location": f"{elsewhere.url}/u"}) if request.method == "POST" else Reply(404)
                )
            )
        )
        remote = make_targets(env=login_for(tmp_path, server.host, elsewhere.host)).open(f"{server.host}/app")
        with pytest.raises(Denied) as caught:
            remote.put_blob(blob_of(b"x"), lambda: io.BytesIO(b"x"))
        assert elsewhere.host in str(caught.value.hint)
        assert leaks(elsewhere) == []

    def test_proxy_password_is_sent_to_the_proxy_and_not_shown(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        proxy = hostile(lambda request: Reply(404))
        env = {"HTTP_PROXY": f"http://user:p%40ss@{proxy.host}"}
        targets = make_targets(env=env, insecure=frozenset({"registry.invalid"}))
        assert targets.open("registry.invalid:80/app").resolve("1.0") is None
        pair = base64.b64encode(b"user:p@ss").decode()
        assert {request.headers.get("proxy-authorization") for request in proxy.seen("HEAD")} == {
            f"Basic {pair}"
        }
        proxy.close()
        with pytest.raises(Unreachable) as caught:
            make_targets(env=env, insecure=frozenset({"registry.invalid"})).open(
                "registry.invalid:80/app"
            ).tags()
        assert not any(secret in str(caught.value) for secret in ("p@ss", "p%40ss", pair))

    def test_redirected_blob_is_fetched_without_a_credential(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        content = b"y" * 1000
        storage = hostile(lambda request: Reply(200, {}, content))
        server = hostile(
            asks_for_basic(lambda request: Reply(307, {"Location": f"{storage.url}/signed?x=1"}))
        )
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        with remote.open_blob(blob_of(content)) as stream:
            assert stream.read() == content
        assert len(storage.requests) == 1
        assert leaks(storage) == []

    def test_redirected_host_cannot_name_a_token_realm(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        realm = hostile(lambda request: Reply(200, {}, b'{"token": "t"}'))
        challenge = {"WWW-Authenticate": f'Bearer realm="{realm.url}/token",service="x"'}
        storage = hostile(lambda request: Reply(401, challenge))
        server = hostile(asks_for_basic(lambda request: Reply(307, {"Location": f"{storage.url}/x"})))
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Denied):
            remote.manifest("1.0")
        assert realm.requests == []
        assert leaks(storage) == []

    def test_next_page_at_another_host_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        elsewhere = hostile(lambda request: Reply(200, {}, b'{"tags": ["2.0"]}'))
        link = f'<{elsewhere.url}/v2/app/tags/list?last=1.0>; rel="next"'
        server = hostile(asks_for_basic(lambda request: Reply(200, {"Link": link}, b'{"tags": ["1.0"]}')))
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Invalid, match="another host"):
            remote.tags()
        assert elsewhere.requests == []

    def test_redirect_of_a_token_request_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        elsewhere = hostile(lambda request: Reply(200, {}, b'{"token": "t"}'))
        realm = hostile(lambda request: Reply(302, {"Location": f"{elsewhere.url}/token"}))
        server = hostile(asks_for_bearer(f"{realm.url}/token"))
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Invalid, match="redirects requests for tokens"):
            remote.resolve("1.0")
        assert elsewhere.requests == []

    @pytest.mark.parametrize(
        ("realm", "why"),
        [
            ("ftp://127.0.0.1/token", "not https"),
            ("file:///etc/passwd", "not a URL"),
            ("http://user:pass@127.0.0.1:1/token", "user name"),
            ("http://127.0.0.1:1/to ken", "not a URL"),
            ("http://[::1/token", "not a URL"),
            ("/token", "not a URL"),
            ("http://169.254.169.254/latest/meta-data", "link address"),
            ("http://[::ffff:169.254.169.254]/x", "link address"),
            ("http://0.0.0.0/x", "link address"),
        ],
    )
    def test_token_realms_that_are_unsafe_or_malformed_addresses_are_refused(
        self, realm: str, why: str, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(asks_for_bearer(realm))
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Invalid, match=why):
            remote.resolve("1.0")

    def test_public_registry_cannot_redirect_to_a_loopback_address(
        self,
        tmp_path: Path,
        hostile: Hostile,
        make_targets: TargetsFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # The only public address that a test has is one that it calls public.
        monkeypatch.setattr(
            release.registry.http.sockets,
            "reach_of",
            lambda address: Reach.GLOBAL if address == "127.0.0.2" else reach_of(address),
        )
        inside = hostile(lambda request: Reply(200, {}, b'{"token": "t"}'))
        server = hostile(asks_for_bearer(f"{inside.url}/token"), address="127.0.0.2")
        host = f"127.0.0.2:{server.port}"
        remote = make_targets(env=login_for(tmp_path, host)).open(f"{host}/app")
        with pytest.raises(Invalid, match="loopback address"):
            remote.resolve("1.0")
        server.answer = lambda request: Reply(307, {"Location": f"{inside.url}/x"})
        with pytest.raises(Invalid, match="loopback address"):
            remote.manifest("1.0")
        assert inside.requests == []

    def test_redirect_from_https_to_http_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        import ssl

        plain = hostile(lambda request: Reply(200, {}, b'{"token": "t"}'))
        authority = Authority(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("127.0.0.1"))
        server = hostile(lambda request: Reply(307, {"Location": f"{plain.url}/x"}), tls=context)
        remote = make_targets(env=login_for(tmp_path, server.host), ca=str(authority.path)).open(
            f"{server.host}/app"
        )
        with pytest.raises(Invalid, match="https to http"):
            remote.manifest("1.0")
        other_name = f"http://localhost:{plain.port}"
        server.answer = lambda request: Reply(202, {"Location": f"{other_name}/upload"})
        with pytest.raises(Invalid, match="https to http"):
            remote.check_push()
        # A registry behind a proxy that does not tell it of TLS: its own origin is what it means.
        server.answer = lambda request: Reply(202, {"Location": f"{plain.url}/upload"})
        remote.check_push()
        assert server.requests[-1].method == "DELETE"
        server.answer = asks_for_bearer(f"{plain.url}/token")
        with pytest.raises(Invalid, match="not https"):
            remote.resolve("1.0")
        assert plain.requests == []

    @pytest.mark.parametrize(
        "spelling",
        [
            lambda text: text,
            lambda text: base64.b64encode(text.encode()).decode(),
            lambda text: base64.b64encode(f"{USER}:{text}".encode()).decode(),
            lambda text: quote(text, safe=""),
        ],
        ids=["plain", "base64", "pair", "url"],
    )
    def test_credential_echoed_by_a_registry_is_not_shown(
        self,
        spelling: Callable[[str], str],
        tmp_path: Path,
        hostile: Hostile,
        make_targets: TargetsFactory,
    ) -> None:
        echo = {
            "errors": [
                {"code": "DENIED", "message": f"{'x' * 280} you said {spelling(SECRET)}", "detail": SECRET}
            ]
        }
        server = hostile(asks_for_basic(lambda request: Reply(403, {}, json.dumps(echo).encode())))
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Denied) as caught:
            remote.tags()
        shown = f"{caught.value!r} {caught.value.hint}"
        for part in range(8, len(spelling(SECRET)) + 1):
            assert spelling(SECRET)[:part] not in shown

    def test_token_echoed_by_a_registry_is_not_shown(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        token = "eyJhbGciOi.very-secret-token"
        realm = hostile(lambda request: Reply(200, {}, json.dumps({"token": token}).encode()))
        error = json.dumps({"errors": [{"code": "DENIED", "message": f"Bearer {token} is bad"}]}).encode()

        def answer(request: Request) -> Reply:
            known = "authorization" in request.headers
            return Reply(403, {}, error) if known else asks_for_bearer(f"{realm.url}/token")(request)

        server = hostile(answer)
        with pytest.raises(Denied) as caught:
            make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app").tags()
        assert token not in str(caught.value)
        assert "***" in str(caught.value)


def test_check_for_leaked_credentials_finds_a_sent_credential(
    tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
) -> None:
    # What the tests above look for is there when it should be: at the registry itself.
    server = hostile(asks_for_basic(lambda request: Reply(201 if request.method == "PUT" else 404)))
    remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
    remote.put_manifest(make_image().manifest)
    assert len(leaks(server)) == 1
