"""Hostile registries, which try to get credentials, to fill memory, to waste time, or to serve wrong content."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import release.registry.http.sockets
from release.control import Cancel
from release.errors import Denied, DigestMismatch, Interrupted, Invalid, RegistryError, Unreachable
from release.oci import OCI_INDEX, OCI_MANIFEST, Descriptor
from release.registry.hosts.call import Sizes
from release.registry.http.address_policy import Reach, reach_of
from release.registry.http.watchdog import Limits
from tests.support.registries.hostile import Drip, Hang, HostileServer, Reply, Request
from tests.support.registries.images import digest, make_image, store
from tests.support.registries.targets import Opened, TargetsFactory
from tests.support.registries.tls import Authority

Hostile = Callable[..., HostileServer]

SECRET = "s3cr3t-p@ss/word"
USER = "robot"
IMAGE = make_image()
MANIFEST = Reply(200, {"Content-Type": OCI_MANIFEST}, IMAGE.manifest.raw)
QUICK = Limits(connect=2, answer=0.6, commit=0.6, stall=0.6, pace=1000)
BASIC = Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})


def _env(tmp_path: Path, *hosts: str) -> dict[str, str]:
    auth = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
    return {"DOCKER_CONFIG": str(tmp_path)}


def _asks_for_basic(inner: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Wrap `inner` so that requests without a password get a 401."""
    return lambda request: inner(request) if "authorization" in request.headers else BASIC


def _blob(raw: bytes) -> Descriptor:
    return Descriptor(media_type="application/octet-stream", digest=digest(raw), size=len(raw))


def _leaks(*servers: HostileServer) -> list[Request]:
    return [
        request for server in servers for request in server.requests if "authorization" in request.headers
    ]


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

        server = hostile(_asks_for_basic(registry))
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
        assert remote.put_blob(_blob(content), lambda: open_bytes(content))
        assert [request.method for request in elsewhere.requests] == ["PUT"]
        assert _leaks(elsewhere) == []
        assert _leaks(server) != []

    def test_upload_host_that_requires_a_credential_is_named_in_the_hint(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        elsewhere = hostile(lambda request: BASIC)
        server = hostile(
            _asks_for_basic(
                lambda request: (
                    Reply(202, {"Location": f"{elsewhere.url}/u"}) if request.method == "POST" else Reply(404)
                )
            )
        )
        remote = make_targets(env=_env(tmp_path, server.host, elsewhere.host)).open(f"{server.host}/app")
        with pytest.raises(Denied) as caught:
            remote.put_blob(_blob(b"x"), lambda: open_bytes(b"x"))
        assert elsewhere.host in str(caught.value.hint)
        assert _leaks(elsewhere) == []

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
            _asks_for_basic(lambda request: Reply(307, {"Location": f"{storage.url}/signed?x=1"}))
        )
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
        with remote.open_blob(_blob(content)) as stream:
            assert stream.read() == content
        assert len(storage.requests) == 1
        assert _leaks(storage) == []

    def test_redirected_host_cannot_name_a_token_realm(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        realm = hostile(lambda request: Reply(200, {}, b'{"token": "t"}'))
        challenge = {"WWW-Authenticate": f'Bearer realm="{realm.url}/token",service="x"'}
        storage = hostile(lambda request: Reply(401, challenge))
        server = hostile(_asks_for_basic(lambda request: Reply(307, {"Location": f"{storage.url}/x"})))
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Denied):
            remote.manifest("1.0")
        assert realm.requests == []
        assert _leaks(storage) == []

    def test_next_page_at_another_host_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        elsewhere = hostile(lambda request: Reply(200, {}, b'{"tags": ["2.0"]}'))
        link = f'<{elsewhere.url}/v2/app/tags/list?last=1.0>; rel="next"'
        server = hostile(_asks_for_basic(lambda request: Reply(200, {"Link": link}, b'{"tags": ["1.0"]}')))
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
        with pytest.raises(Invalid, match="another host"):
            remote.tags()
        assert elsewhere.requests == []

    def test_redirect_of_a_token_request_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        elsewhere = hostile(lambda request: Reply(200, {}, b'{"token": "t"}'))
        realm = hostile(lambda request: Reply(302, {"Location": f"{elsewhere.url}/token"}))
        server = hostile(_bearer(f"{realm.url}/token"))
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
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
        server = hostile(_bearer(realm))
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
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
        server = hostile(_bearer(f"{inside.url}/token"), address="127.0.0.2")
        host = f"127.0.0.2:{server.port}"
        remote = make_targets(env=_env(tmp_path, host)).open(f"{host}/app")
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
        remote = make_targets(env=_env(tmp_path, server.host), ca=str(authority.path)).open(
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
        server.answer = _bearer(f"{plain.url}/token")
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
        server = hostile(_asks_for_basic(lambda request: Reply(403, {}, json.dumps(echo).encode())))
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
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
            return Reply(403, {}, error) if known else _bearer(f"{realm.url}/token")(request)

        server = hostile(answer)
        with pytest.raises(Denied) as caught:
            make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app").tags()
        assert token not in str(caught.value)
        assert "***" in str(caught.value)


class TestContentIsWhatItSays:
    @pytest.mark.parametrize(
        ("media_type", "raw", "why"),
        [
            (OCI_MANIFEST, json.dumps({"schemaVersion": 2, "layers": [], "manifests": []}), "or as an index"),
            (OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": [], "layers": []}), "or as an index"),
            (OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": [], "config": {}}), "or as an index"),
            (OCI_INDEX, json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "manifests": []}), "`mediaType`"),
            ("text/html", "<html>", "not an image manifest"),
            ("", "{}", "not an image manifest"),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", "schema 1"),
            (OCI_MANIFEST, json.dumps({"schemaVersion": 1, "fsLayers": []}), "schema 1"),
            (OCI_MANIFEST, "[]", "not a JSON object"),
            (OCI_MANIFEST, "{", "not JSON"),
            (OCI_MANIFEST, "[" * 100_000, "not JSON"),
            (OCI_MANIFEST, json.dumps({"schemaVersion": 2, "layers": []}), "not a descriptor"),
            (OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": OCI_MANIFEST, "size": 1,
             "digest": "sha256:../../../etc/passwd"}]}), "not a digest"),
            (OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": OCI_MANIFEST, "size": -1,
             "digest": "sha256:" + "a" * 64}]}), "impossible"),
        ],
    )  # fmt: skip
    def test_ambiguous_or_mistyped_manifests_are_refused(
        self, media_type: str, raw: str, why: str, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply(200, {"Content-Type": media_type}, raw.encode()))
        with pytest.raises(Invalid, match=why):
            make_targets().open(f"{server.host}/app").manifest("1.0")

    def test_manifest_with_another_digest_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        changed = IMAGE.manifest.raw.replace(b"2", b"3", 1)
        server = hostile(lambda request: Reply(200, {"Content-Type": OCI_MANIFEST}, changed))
        remote = make_targets().open(f"{server.host}/app")
        with pytest.raises(DigestMismatch):
            remote.manifest(IMAGE.digest)
        server.answer = lambda request: Reply(
            200, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": digest(b"other")}, IMAGE.manifest.raw
        )
        with pytest.raises(DigestMismatch):
            remote.manifest("1.0")
        with pytest.raises(DigestMismatch):
            remote.resolve(IMAGE.digest)

    @pytest.mark.parametrize("wrong", [b"wrong", b"right and more", b"righ"])
    def test_blob_with_other_bytes_than_its_digest_is_refused(
        self, wrong: bytes, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply(200, {}, wrong))
        with (
            pytest.raises((DigestMismatch, RegistryError)),
            make_targets().open(f"{server.host}/app").open_blob(_blob(b"right")) as stream,
        ):
            stream.read()

    def test_tag_of_an_unknown_media_type_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
        server = hostile(
            lambda request: Reply(200, {"Content-Type": kind, "Docker-Content-Digest": IMAGE.digest})
        )
        with pytest.raises(Invalid):
            make_targets().open(f"{server.host}/app").resolve("1.0")

    def test_tag_is_resolved_by_get_if_the_head_answer_has_no_digest(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: MANIFEST)
        assert make_targets().open(f"{server.host}/app").resolve("1.0") == IMAGE.descriptor()

    def test_manifest_that_the_registry_stored_under_another_digest_raises_digest_mismatch(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        other = {"Docker-Content-Digest": digest(b"other")}
        server = hostile(lambda request: Reply(201, other) if request.method == "PUT" else Reply(404))
        with pytest.raises(DigestMismatch, match="stored"):
            make_targets().open(f"{server.host}/app").put_manifest(IMAGE.manifest, tag="1.0")

    def test_invalid_tags_in_a_registrys_list_are_dropped(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        body = json.dumps(
            {"tags": ["1.0", "../../x", "a b", "", None, 3, "\u001b[31m", "x" * 129, "ok_2"]}
        ).encode()
        server = hostile(lambda request: Reply(200, {}, body))
        assert make_targets().open(f"{server.host}/app").tags() == ("1.0", "ok_2")

    @pytest.mark.parametrize("body", [b'{"tags": null}', b"{}"])
    def test_tag_list_of_null_or_without_tags_is_empty(
        self, body: bytes, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply(200, {}, body))
        assert make_targets().open(f"{server.host}/app").tags() == ()

    def test_denied_registry_request_raises_denied_and_not_not_found(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply(403))
        remote = make_targets().open(f"{server.host}/app")
        for ask in (lambda: remote.resolve("1.0"), remote.tags, lambda: remote.has_blob(_blob(b"x"))):
            with pytest.raises(Denied):
                ask()


class TestNewRepositories:
    """A registry that, like Docker Hub, shows only to clients with push access whether a repository exists."""

    def _servers(self, hostile: Hostile) -> tuple[HostileServer, HostileServer]:
        realm = hostile(
            lambda request: Reply(
                200, {}, json.dumps({"token": "writer" if "push" in request.path else "reader"}).encode()
            )
        )
        challenge = _bearer(f"{realm.url}/token")
        server = hostile(
            lambda request: (
                Reply(404) if request.headers.get("authorization") == "Bearer writer" else challenge(request)
            )
        )
        return server, realm

    def test_absent_repository_is_recognised_with_a_push_token(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server, realm = self._servers(hostile)
        remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
        assert remote.resolve("1.0") is None
        assert remote.tags() == ()
        before = len(server.requests), len(realm.requests)
        assert remote.resolve("2.0") is None
        assert (len(server.requests), len(realm.requests)) == (before[0] + 1, before[1])

    def test_absent_repository_is_denied_without_a_credential(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server, realm = self._servers(hostile)
        with pytest.raises(Denied):
            make_targets().open(f"{server.host}/app").resolve("1.0")
        assert not any("push" in request.path for request in realm.requests)


class TestNothingIsUnbounded:
    def test_oversized_manifest_is_refused(self, hostile: Hostile, make_targets: TargetsFactory) -> None:
        server = hostile(lambda request: Reply(200, {"Content-Type": OCI_MANIFEST}, b" " * (9 * 1024 * 1024)))
        with pytest.raises(Invalid, match="larger than"):
            make_targets().open(f"{server.host}/app").manifest("1.0")

    def test_oversized_token_answer_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        realm = hostile(lambda request: Reply(200, {}, json.dumps({"token": "t" * 100_000}).encode()))
        server = hostile(_bearer(f"{realm.url}/token"))
        with pytest.raises(Invalid, match="larger than"):
            make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app").resolve("1.0")

    @pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "", "a b", "ä"])
    def test_token_unusable_in_a_header_is_refused(
        self, token: str, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        realm = hostile(lambda request: Reply(200, {}, json.dumps({"token": token}).encode()))
        server = hostile(_bearer(f"{realm.url}/token"))
        with pytest.raises(Invalid, match="token"):
            make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app").resolve("1.0")

    def test_long_error_text_of_a_registry_is_cut(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        body = json.dumps({"errors": [{"code": "X" * 5000, "message": "y" * 50_000}]}).encode()
        server = hostile(lambda request: Reply(400, {}, body))
        with pytest.raises(Invalid) as caught:
            make_targets().open(f"{server.host}/app").tags()
        assert len(caught.value.message) < 600
        server.answer = lambda request: Reply(400, {}, b"z" * 1_000_000)
        with pytest.raises(Invalid, match="answered 400"):
            make_targets().open(f"{server.host}/app").tags()

    def test_control_characters_in_an_error_of_a_registry_are_removed(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        text = "\u001b[2J\r\n::set-output name=x::y\u0000\u202e"
        body = json.dumps({"errors": [{"code": text, "message": text, "detail": text}]}).encode()
        server = hostile(lambda request: Reply(400, {}, body))
        with pytest.raises(Invalid) as caught:
            make_targets().open(f"{server.host}/app").tags()
        assert caught.value.message.isprintable()

    def test_oversized_page_of_tags_is_refused(self, hostile: Hostile, make_targets: TargetsFactory) -> None:
        server = hostile(lambda request: Reply(200, {}, b'{"tags": ["' + b"a" * (17 * 1024 * 1024) + b'"]}'))
        with pytest.raises(Invalid, match="larger than"):
            make_targets().open(f"{server.host}/app").tags()

    def test_list_of_tags_whose_pages_repeat_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        link = {"Link": '</v2/app/tags/list?last=1.0>; rel="next"'}
        server = hostile(lambda request: Reply(200, link, b'{"tags": ["1.0"]}'))
        with pytest.raises(Invalid, match="does not end"):
            make_targets().open(f"{server.host}/app").tags()
        assert len(server.requests) < 10

    def test_list_of_tags_with_too_many_pages_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        def answer(request: Request) -> Reply:
            number = len(server.requests)
            return Reply(
                200, {"Link": f'</v2/app/tags/list?last={number}>; rel="next"'}, b'{"tags": ["1.0"]}'
            )

        server = hostile(answer)
        with pytest.raises(Invalid, match="does not end"):
            make_targets(sizes=Sizes(pages=20)).open(f"{server.host}/app").tags()
        assert len(server.requests) < 30

    def test_redirect_loop_of_a_registry_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(
            lambda request: Reply(302, {"Location": request.path}) if "app" in request.path else Reply()
        )
        with pytest.raises(Invalid, match="too often"):
            make_targets().open(f"{server.host}/app").manifest("1.0")

    @pytest.mark.parametrize(
        "location", ["", "http://", "gopher://x/", "http://u:p@127.0.0.1/", "http://[/", "\x01"]
    )
    def test_redirect_of_a_registry_without_a_usable_location_is_refused(
        self, location: str, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(
            lambda request: Reply(302, {"Location": location}) if "app" in request.path else Reply()
        )
        with pytest.raises(Invalid):
            make_targets().open(f"{server.host}/app").manifest("1.0")


class TestNothingTakesForEver:
    @pytest.mark.parametrize(
        "reply",
        [
            Hang(),
            Drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
            Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + b"x" * 90, 0.02),
        ],
        ids=["hang", "slow headers", "slow body"],
    )
    def test_slow_answer_of_a_registry_ends_at_its_time_limit(
        self, reply: Hang | Drip, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply() if request.path == "/v2/" else reply)
        started = time.monotonic()
        with pytest.raises(Unreachable):
            make_targets(limits=QUICK).open(f"{server.host}/app").tags()
        assert time.monotonic() - started < 12

    def test_unread_body_of_a_registrys_answer_that_does_not_end_is_abandoned(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply(200 if request.path == "/v2/" else 404, {}, b"", length=50))
        started = time.monotonic()
        assert not make_targets().open(f"{server.host}/app").has_blob(_blob(b"x"))
        assert time.monotonic() - started < 6

    def test_deadline_of_the_run_ends_a_hanging_registry_request(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Hang())
        started = time.monotonic()
        with pytest.raises(Unreachable):
            make_targets(seconds=0.5).open(f"{server.host}/app").tags()
        assert time.monotonic() - started < 3

    @pytest.mark.parametrize("where", ["answer", "body", "upload", "pause"])
    def test_cancellation_ends_waiting_for_a_registry(
        self, where: str, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        reached = threading.Event()

        def answer(request: Request) -> Any:
            if request.path == "/v2/":
                return Reply()
            if request.method == "POST":
                return Reply(202, {"Location": "/v2/app/blobs/uploads/1"})
            if request.method == "HEAD":
                return Reply(404)
            reached.set()
            if where == "pause":
                return Reply(503, {"Retry-After": "4"})
            return Reply(200, {}, b"x", length=1000) if where == "body" else Hang()

        server = hostile(answer)
        cancel = Cancel()
        targets = make_targets(cancel=cancel)
        started = time.monotonic()

        def interrupt() -> None:
            reached.wait(5)
            time.sleep(0.2)
            cancel.trip(Interrupted("x"))

        killer = threading.Thread(target=interrupt)
        killer.start()
        with pytest.raises(Interrupted):
            _block(targets, server, where)
        killer.join()
        assert time.monotonic() - started < 3

    def test_early_refusal_by_the_registry_ends_an_upload(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        big = b"x" * 30_000_000
        refusal = b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

        def answer(request: Request) -> Reply:
            if request.method == "POST":
                return Reply(202, {"Location": "/v2/app/blobs/uploads/1"})
            return Reply(404)

        server = hostile(answer)
        early = hostile(lambda request: Reply(raw=refusal))
        server.answer = lambda request: (
            Reply(202, {"Location": f"{early.url}/u"}) if request.method == "POST" else Reply(404)
        )
        with pytest.raises(RegistryError):
            make_targets().open(f"{server.host}/app").put_blob(_blob(big), lambda: open_bytes(big))


class TestNonsense:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\x16\x03\x01\x00\x00",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nxxxxx",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            b"HTTP/1.1 429 Too Many\nRetry-After: soon\nContent-Length: 2\n\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        ],
    )
    def test_malformed_answers_of_a_registry_raise_registry_errors(
        self, raw: bytes, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply() if request.path == "/v2/" else Reply(raw=raw))
        with pytest.raises(RegistryError) as caught:
            make_targets().open(f"{server.host}/app").tags()
        assert "object at 0x" not in caught.value.message

    @pytest.mark.parametrize(
        "head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 404 Not Found\r\nDate: x", b"HTTP/1.1 2"]
    )
    def test_request_whose_answer_has_truncated_headers_is_retried(
        self, head: bytes, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        server = hostile(lambda request: Reply() if request.path == "/v2/" else Reply(raw=head))
        for name in ("tags", "resolve"):
            remote = make_targets().open(f"{server.host}/app")
            with pytest.raises(Unreachable, match="4 attempts"):
                remote.tags() if name == "tags" else remote.resolve("1.0")


def open_bytes(content: bytes) -> Any:
    import io

    return io.BytesIO(content)


def _bearer(realm: str) -> Callable[[Request], Reply]:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x",scope="repository:app:pull"'}
    return lambda request: Reply(401, challenge)


def _block(targets: Opened, server: HostileServer, where: str) -> None:
    remote = targets.open(f"{server.host}/app")
    if where == "upload":
        content = b"x" * 50_000_000
        remote.put_blob(_blob(content), lambda: open_bytes(content))
    elif where == "body":
        with remote.open_blob(_blob(b"x" * 1000)) as stream:
            stream.read()
    else:
        remote.manifest("1.0")


def test_check_for_leaked_credentials_finds_a_sent_credential(
    tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
) -> None:
    # What the tests above look for is there when it should be: at the registry itself.
    server = hostile(_asks_for_basic(lambda request: Reply(201 if request.method == "PUT" else 404)))
    remote = make_targets(env=_env(tmp_path, server.host)).open(f"{server.host}/app")
    remote.put_manifest(IMAGE.manifest)
    assert len(_leaks(server)) == 1
    assert store is not None
