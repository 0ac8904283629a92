"""Hostile registries, which try to get credentials, to fill memory, to waste time, or to serve wrong content."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import Denied, DigestMismatch, Interrupted, Invalid, RegistryError, Unreachable
from release.oci import OCI_INDEX, OCI_MANIFEST
from release.registry.hosts.call import Sizes
from release.registry.http.watchdog import Limits
from tests.support.registries.hostile import Drip, Hang, Hostile, HostileServer, Reply, Request
from tests.support.registries.images import blob_of, digest, make_image
from tests.support.registries.logins import asks_for_bearer, login_for
from tests.support.registries.targets import Opened, TargetsFactory

IMAGE = make_image()
MANIFEST = Reply(200, {"Content-Type": OCI_MANIFEST}, IMAGE.manifest.raw)
QUICK = Limits(connect=2, answer=0.6, commit=0.6, stall=0.6, pace=1000)


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
            make_targets().open(f"{server.host}/app").open_blob(blob_of(b"right")) as stream,
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

    @pytest.mark.parametrize("arrives", ["at once", "later", "never"])
    def test_tag_that_was_accepted_without_naming_its_digest_is_read_back(
        self, arrives: str, hostile: Hostile, make_targets: TargetsFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("release.registry.manifests._LAGS", (0.01, 0.01))
        reads = {"at once": 1, "later": 2, "never": 99}[arrives]

        def answer(request: Request) -> Reply:
            if request.method == "PUT":
                return Reply(201)
            there = len([one for one in server.requests if "/manifests/" in one.path]) > reads
            return MANIFEST if there else Reply(404)

        server = hostile(answer)
        repository = make_targets().open(f"{server.host}/app")
        if arrives != "never":
            repository.put_manifest(IMAGE.manifest, tag="1.0")
            return
        with pytest.raises(Invalid, match=r"accepted the tag `1\.0`.* held nothing") as refused:
            repository.put_manifest(IMAGE.manifest, tag="1.0")
        assert "a proxy before the registry" in str(refused.value.hint)

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
        for ask in (lambda: remote.resolve("1.0"), remote.tags, lambda: remote.has_blob(blob_of(b"x"))):
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
        challenge = asks_for_bearer(f"{realm.url}/token")
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
        remote = make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app")
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
    @pytest.mark.parametrize(
        "challenge", [{}, {"WWW-Authenticate": "Negotiate"}, {"WWW-Authenticate": "Bearer x"}]
    )
    def test_401_without_a_known_way_to_log_in_does_not_blame_the_credential(
        self, challenge: dict[str, str], hostile: Hostile, make_targets: TargetsFactory, tmp_path: Path
    ) -> None:
        server = hostile(lambda request: Reply(401, challenge))
        with pytest.raises(Denied) as caught:
            make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app").tags()
        assert "no way to log in that shipmark knows" in str(caught.value.hint)
        assert not any("authorization" in request.headers for request in server.requests)

    def test_oversized_manifest_is_refused(self, hostile: Hostile, make_targets: TargetsFactory) -> None:
        server = hostile(lambda request: Reply(200, {"Content-Type": OCI_MANIFEST}, b" " * (9 * 1024 * 1024)))
        with pytest.raises(Invalid, match="larger than"):
            make_targets().open(f"{server.host}/app").manifest("1.0")

    def test_oversized_token_answer_is_refused(
        self, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        realm = hostile(lambda request: Reply(200, {}, json.dumps({"token": "t" * 100_000}).encode()))
        server = hostile(asks_for_bearer(f"{realm.url}/token"))
        with pytest.raises(Invalid, match="larger than"):
            make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app").resolve("1.0")

    @pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "", "a b", "ä"])
    def test_token_unusable_in_a_header_is_refused(
        self, token: str, tmp_path: Path, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        realm = hostile(lambda request: Reply(200, {}, json.dumps({"token": token}).encode()))
        server = hostile(asks_for_bearer(f"{realm.url}/token"))
        with pytest.raises(Invalid, match="token"):
            make_targets(env=login_for(tmp_path, server.host)).open(f"{server.host}/app").resolve("1.0")

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

    def test_list_of_tags_that_always_has_new_ones_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("release.registry.pagination.LISTED_NAMES", 50)

        def answer(request: Request) -> Reply:
            number = len(server.requests)
            body = json.dumps({"tags": [f"{number}.{last}" for last in range(10)]}).encode()
            return Reply(200, {"Link": f'</v2/app/tags/list?last={number}>; rel="next"'}, body)

        server = hostile(answer)
        with pytest.raises(Invalid, match="more than 50 names"):
            make_targets().open(f"{server.host}/app").tags()
        assert len(server.seen("GET")) < 10

    def test_list_of_tags_that_goes_round_in_a_circle_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        def answer(request: Request) -> Reply:
            number = len(server.requests)
            body = b'{"tags": ["1.%d"]}' % (number % 3)
            return Reply(200, {"Link": f'</v2/app/tags/list?n={number}>; rel="next"'}, body)

        server = hostile(answer)
        with pytest.raises(Invalid, match="does not end"):
            make_targets().open(f"{server.host}/app").tags()
        assert len(server.requests) < 60

    def test_list_of_tags_whose_next_page_cannot_be_read_is_refused(
        self, hostile: Hostile, make_targets: TargetsFactory
    ) -> None:
        link = {"Link": '/v2/app/tags/list?last=1.0; rel="next"'}
        server = hostile(lambda request: Reply(200, link, b'{"tags": ["1.0"]}'))
        with pytest.raises(Invalid, match="goes on at a place that cannot be read"):
            make_targets().open(f"{server.host}/app").tags()

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
        with pytest.raises(Invalid) as refused:
            make_targets().open(f"{server.host}/app").manifest("1.0")
        assert refused.value.hint


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
        assert not make_targets().open(f"{server.host}/app").has_blob(blob_of(b"x"))
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
            make_targets().open(f"{server.host}/app").put_blob(blob_of(big), lambda: io.BytesIO(big))


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


def _block(targets: Opened, server: HostileServer, where: str) -> None:
    remote = targets.open(f"{server.host}/app")
    if where == "upload":
        content = b"x" * 50_000_000
        remote.put_blob(blob_of(content), lambda: io.BytesIO(content))
    elif where == "body":
        with remote.open_blob(blob_of(b"x" * 1000)) as stream:
            stream.read()
    else:
        remote.manifest("1.0")
