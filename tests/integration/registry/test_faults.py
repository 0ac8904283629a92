"""Every fault of a catalogue between client and registry: what the client does, and what the registry stores.

The end state is read from the registry's own storage. After each case, the tag is either absent, and an error was
raised, or it holds our digest and every byte below the digest is stored.
"""

from __future__ import annotations

import email.utils
import hashlib
import io
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from release.control import Cancel
from release.errors import Denied, DigestMismatch, Invalid, RegistryError, Unreachable
from release.events import NullSink
from release.layout.layout import Layout
from release.oci import Descriptor, Repository
from release.registry.hosts.call import Sizes
from release.registry.http.retry import RetryPolicy
from release.registry.http.watchdog import Limits
from release.transfer.copy import copy_image
from tests.support.registries.faults import (
    ROW,
    Cut,
    Do,
    FaultProxy,
    Flip,
    Header,
    Reset,
    Rule,
    Slow,
    Stall,
    Status,
)
from tests.support.registries.hostile import HostileServer, Reply
from tests.support.registries.images import Image, digest, make_image, make_index, make_tar, store
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import TargetsFactory

LAYER = make_tar({"data": b"\x5a" * 600_000})
IMAGE = make_index(
    make_image({"a": b"1"}, layers=(LAYER,)), make_image({"a": b"2"}, platform="linux/arm64", layers=(LAYER,))
)
FOREVER = 10_000
STUBBORN = RetryPolicy(attempts=6, base=0.02, cap=0.2, longest_wait=3.0, patience=10.0)
QUICK = Limits(connect=2, answer=0.8, commit=0.8, stall=0.8, pace=2000)

POST_BLOB = ("POST", r"/blobs/uploads/$")
PUT_BLOB = ("PUT", r"/blobs/uploads/")
HEAD_BLOB = ("HEAD", r"/blobs/sha256")
HEAD_MANIFEST = ("HEAD", r"/manifests/")
PUT_MANIFEST = ("PUT", r"/manifests/sha256")
PUT_TAG = ("PUT", r"/manifests/1\.0$")


def error(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()


class Case(NamedTuple):
    """One fault of a push. `fails`: the expected error, None for success. `most`: limit of requests to one path."""

    name: str
    where: tuple[str, str]
    fault: Any
    times: int = 1
    first: int = 1
    fails: type[RegistryError] | None = None
    says: str = ""
    most: int | None = None
    limits: Limits | None = None


def _bursts() -> Iterable[Case]:
    for where in (POST_BLOB, PUT_BLOB, HEAD_BLOB, HEAD_MANIFEST, PUT_MANIFEST, PUT_TAG):
        name = f"{where[0]} {where[1].strip('$')}"
        yield Case(f"R1 503 once on {name}", where, Status(503))
        yield Case(f"R1 500 three times on {name}", where, Status(500), times=3)
        yield Case(
            f"R1 502 for ever on {name}",
            where,
            Status(502),
            times=FOREVER,
            fails=Unreachable,
            says="attempts",
        )
        yield Case(f"R3 reset before the body of {name}", where, Reset())
        yield Case(f"R4 answer cut in its head on {name}", where, Cut(in_head=True))
        yield Case(f"R13 applied, then reset, on {name}", where, Reset(apply=True))
        yield Case(f"R15 hang once on {name}", where, Stall(), limits=QUICK)


CASES = [
    *_bursts(),
    Case("R2 429 with seconds", POST_BLOB, Status(429, {"Retry-After": "1"})),
    Case(
        "R2 429 with a date",
        PUT_MANIFEST,
        Status(429, {"Retry-After": email.utils.formatdate(time.time() + 1, usegmt=True)}),
    ),
    Case("R2 429 without a time", PUT_BLOB, Status(429), times=2),
    Case(
        "R2 429 asking for a day",
        POST_BLOB,
        Status(429, {"Retry-After": "86400"}),
        times=FOREVER,
        fails=Unreachable,
        says="asks to wait 86400 seconds",
    ),
    Case(
        "R2 429 asking for a day on a manifest, whose tag is read once more",
        PUT_MANIFEST,
        Status(429, {"Retry-After": "86400"}),
        times=FOREVER,
        fails=Unreachable,
        says="asks to wait 86400 seconds",
    ),
    Case(
        "R2 429 with bad line ends",
        POST_BLOB,
        Status(429, raw=b"HTTP/1.1 429 Too Many Requests\nRetry-After: 0\nContent-Length: 2\n\n{}"),
    ),
    Case("R3 reset in the middle of a blob", PUT_BLOB, Reset(after=20_000)),
    Case("R3 reset after the blob", PUT_BLOB, Reset(after=10**9)),
    Case("R5 three cut uploads", PUT_BLOB, Reset(after=500), times=3),
    Case(
        "R7 403 on a blob",
        PUT_BLOB,
        Status(403, {}, error("DENIED")),
        times=FOREVER,
        fails=Denied,
        says="DENIED",
        most=1,
    ),
    Case("R7 403 on the tag", PUT_TAG, Status(403, {}, error("DENIED")), times=FOREVER, fails=Denied, most=1),
    Case("R8 session lost (404)", PUT_BLOB, Status(404, {}, error("BLOB_UPLOAD_UNKNOWN"))),
    Case("R8 session lost (404 without a word)", PUT_BLOB, Status(404)),
    Case("R8 wrong offset (416)", PUT_BLOB, Status(416, {}, error("BLOB_UPLOAD_INVALID"))),
    Case(
        "R9 blob missing when its manifest comes",
        PUT_MANIFEST,
        Status(404, {}, error("MANIFEST_BLOB_UNKNOWN")),
    ),
    *(
        Case(
            f"R10 {code} {name} on a manifest",
            PUT_MANIFEST,
            Status(code, {}, error(name)),
            times=FOREVER,
            fails=Invalid,
            says=name,
            most=1,
        )
        for code, name in ((400, "MANIFEST_INVALID"), (413, "SIZE_INVALID"), (422, "UNSUPPORTED"))
    ),
    Case(
        "R11 another digest in the answer to the manifest",
        PUT_MANIFEST,
        Header("Docker-Content-Digest", "sha256:" + "0" * 64),
        fails=DigestMismatch,
        says="stored",
    ),
    Case(
        "R11 another digest in the answer to a blob",
        PUT_BLOB,
        Header("Docker-Content-Digest", "sha256:" + "0" * 64),
        fails=DigestMismatch,
        says="stored",
    ),
    Case("R12 a bit of a blob flipped on its way up", PUT_BLOB, Flip(up=True)),
    Case("R12 a bit of a manifest flipped on its way up", PUT_MANIFEST, Flip(up=True), fails=Invalid, most=1),
    Case("R14 the tag's answer comes slowly", PUT_TAG, Slow(5.0), limits=QUICK),
    Case("R14 a blob goes up slowly, once", PUT_BLOB, Slow(300.0, up=True), limits=QUICK),
    Case(
        "R15 hang for ever",
        POST_BLOB,
        Stall(),
        times=FOREVER,
        fails=Unreachable,
        says="no answer",
        limits=QUICK,
    ),
    Case("R20 not visible right after it was stored", HEAD_MANIFEST, Status(404), first=4, times=2),
    Case(
        "R24 the registry's disk is full",
        PUT_BLOB,
        Status(500, {}, error("UNKNOWN")),
        times=FOREVER,
        fails=Unreachable,
    ),
    Case(
        "R25 children not visible to the index yet",
        PUT_MANIFEST,
        Status(404, {}, error("MANIFEST_UNKNOWN")),
        first=3,
    ),
    Case(
        "R26 another writer stores a blob again",
        PUT_MANIFEST,
        Status(400, {}, error("DIGEST_INVALID")),
        times=3,
    ),
    Case(
        "R26 the registry goes on refusing the digest",
        PUT_MANIFEST,
        Status(400, {}, error("DIGEST_INVALID")),
        times=FOREVER,
        fails=Invalid,
        says="DIGEST_INVALID",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_push_through_a_network_or_registry_fault_never_leaves_a_broken_tag(
    case: Case,
    tmp_path: Path,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
    record_property: Callable[[str, object], None],
) -> None:
    rule = Rule(*case.where, case.fault, first=case.first, times=case.times)
    proxy = fault_proxy(registry_server.host, rule)
    remote = make_targets(policy=STUBBORN, limits=case.limits).open(f"{proxy.host}/app")
    outcome = _outcome(lambda: _push(tmp_path, remote, IMAGE))
    stored = Storage(registry_server.root, "app")
    record_property(ROW, (case.name, _told(outcome), stored.describe("1.0", IMAGE)))
    assert rule.hits > 0, "the fault was never met"
    stored.require_whole()
    if case.fails is None:
        assert outcome is None
        assert stored.tags() == {"1.0": IMAGE.digest}
        stored.require(IMAGE)
    else:
        assert isinstance(outcome, case.fails)
        assert case.says in outcome.message
        assert stored.tags().get("1.0") in (None, IMAGE.digest)
    if case.most is not None:
        assert max(Counter(entry.path for entry in proxy.seen if entry.fault).values()) <= case.most


PULLS = [
    Case("R1 503 three times on a download", ("GET", "/blobs/"), Status(503), times=3),
    Case("R4 a download cut in the middle", ("GET", "/blobs/"), Cut(200), times=3),
    Case("R4 a manifest cut in the middle", ("GET", "/manifests/"), Cut(50)),
    Case(
        "R12 a bit of a download flipped", ("GET", "/blobs/"), Flip(), fails=DigestMismatch, says="has digest"
    ),
    Case(
        "R12 a bit of a manifest flipped on its way down",
        ("GET", "/manifests/"),
        Flip(),
        fails=DigestMismatch,
    ),
    Case("R14 a download comes slowly, once", ("GET", "/blobs/"), Slow(200.0), limits=QUICK),
    Case("R15 a download hangs once", ("GET", "/blobs/"), Stall(), limits=QUICK),
]


@pytest.mark.parametrize("case", PULLS, ids=lambda case: case.name)
def test_pull_through_a_network_or_registry_fault_never_leaves_a_broken_image(
    case: Case,
    tmp_path: Path,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
    record_property: Callable[[str, object], None],
) -> None:
    targets = make_targets(policy=STUBBORN, limits=case.limits)
    store(IMAGE, targets.open(f"{registry_server.host}/app"), "1.0")
    rule = Rule(*case.where, case.fault, first=case.first, times=case.times)
    proxy = fault_proxy(registry_server.host, rule)
    layout = Layout(str(tmp_path / "pulled"))
    outcome = _outcome(lambda: _copy(targets.open(f"{proxy.host}/app"), layout, IMAGE))
    whole = layout.resolve(IMAGE.digest) is not None
    record_property(ROW, (case.name, _told(outcome), "layout: whole" if whole else "layout: no manifest"))
    assert rule.hits > 0
    if case.fails is None:
        assert outcome is None
        assert layout.manifest(IMAGE.digest) == IMAGE.manifest
    else:
        assert isinstance(outcome, case.fails)
        assert not whole
    for path in Path(layout.path).glob("blobs/sha256/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert not list(Path(layout.path).glob(".partial*"))


class TestTokens:
    """Pushes during which a token expires or lacks a scope (row R6 of the faults)."""

    def test_push_succeeds_after_expired_token_answers(
        self,
        tmp_path: Path,
        registry_factory: RegistryFactory,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        challenge = {
            "WWW-Authenticate": f'Bearer realm="{server.tokens.realm}",service="registry under test",'
            'scope="repository:app:pull,push",error="invalid_token"'
        }
        ended = Status(401, challenge, error("UNAUTHORIZED"))
        rules = [
            Rule(*where, ended, first=2) for where in (POST_BLOB, PUT_BLOB, HEAD_BLOB, PUT_MANIFEST, PUT_TAG)
        ]
        rules[-1].first = 1
        proxy = fault_proxy(server.host, *rules)
        (tmp_path / "config.json").write_text(
            json.dumps({"auths": {proxy.host: {"username": server.username, "password": server.password}}})
        )
        # A single attempt: what is refreshed must not count as one.
        policy = RetryPolicy(attempts=1)
        remote = make_targets(env={"DOCKER_CONFIG": str(tmp_path)}, policy=policy).open(f"{proxy.host}/app")
        _push(tmp_path, remote, IMAGE)
        stored = Storage(server.root, "app")
        record_property(ROW, ("R6 401 in the middle of everything", "done", stored.describe("1.0", IMAGE)))
        assert [rule.hits for rule in rules] == [1] * len(rules)
        assert stored.tags() == {"1.0": IMAGE.digest}

    def test_push_without_a_granted_scope_is_denied(
        self,
        tmp_path: Path,
        registry_factory: RegistryFactory,
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        server = registry_factory(auth="token")
        assert server.tokens is not None
        server.tokens.denied = frozenset({"push"})
        (tmp_path / "config.json").write_text(
            json.dumps({"auths": {server.host: {"username": server.username, "password": server.password}}})
        )
        remote = make_targets(env={"DOCKER_CONFIG": str(tmp_path)}).open(f"{server.host}/app")
        outcome = _outcome(lambda: _push(tmp_path, remote, IMAGE))
        assert isinstance(outcome, Denied)
        assert len(server.tokens.requests) < 12
        record_property(ROW, ("R6 the token never grants push", _told(outcome), "tag absent"))


class TestTags:
    def test_tag_moved_by_another_writer_is_not_overwritten(
        self,
        tmp_path: Path,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        targets = make_targets(policy=STUBBORN)
        rival = make_image({"rival": b"1"})
        direct = targets.open(f"{registry_server.host}/app")
        store(rival, direct)
        store(IMAGE, direct)
        steal = Do(lambda: direct.put_manifest(rival.manifest, tag="latest"), then=Reset())
        proxy = fault_proxy(registry_server.host, Rule("PUT", "/manifests/latest", steal))
        remote = targets.open(f"{proxy.host}/app")
        assert remote.resolve("latest") is None
        outcome = _outcome(lambda: remote.put_manifest(IMAGE.manifest, tag="latest"))
        stored = Storage(registry_server.root, "app")
        record_property(
            ROW, ("R19 somebody moved the tag while our reply was lost", _told(outcome), "the other's stays")
        )
        assert isinstance(outcome, Unreachable)
        assert "meanwhile" in outcome.message
        assert stored.tags() == {"latest": rival.digest}

    @pytest.mark.parametrize("same", [True, False])
    def test_immutable_tag_is_accepted_only_with_the_same_digest(
        self,
        same: bool,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        targets = make_targets()
        held = IMAGE if same else make_image({"other": b"1"})
        store(held, targets.open(f"{registry_server.host}/app"), "1.0")
        refusal = Status(400, {}, error("TAG_INVALID"))
        proxy = fault_proxy(registry_server.host, Rule(*PUT_TAG, refusal, times=FOREVER))
        remote = targets.open(f"{proxy.host}/app")
        outcome = _outcome(lambda: remote.put_manifest(IMAGE.manifest, tag="1.0"))
        name = f"R17 immutable tag, {'same' if same else 'other'} digest"
        record_property(ROW, (name, _told(outcome), "tag unchanged"))
        assert outcome is None if same else isinstance(outcome, Invalid)
        assert Storage(registry_server.root, "app").tags() == {"1.0": held.digest}


class TestPlaces:
    def test_repeated_push_sends_only_a_manifest_to_the_registry_that_has_the_image(
        self,
        tmp_path: Path,
        registry_factory: RegistryFactory,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        one, two = registry_factory(), registry_factory()
        down = Rule("PUT", "/blobs/", Status(500), times=FOREVER)
        first, second = fault_proxy(one.host), fault_proxy(two.host, down)
        remotes = [make_targets().open(f"{proxy.host}/app") for proxy in (first, second)]
        _push(tmp_path, remotes[0], IMAGE)
        assert isinstance(_outcome(lambda: _push(tmp_path, remotes[1], IMAGE)), Unreachable)
        down.times = 0
        before = len(first.seen)
        for remote in remotes:
            _push(tmp_path, remote, IMAGE)
        again = [entry for entry in first.seen[before:] if entry.method not in ("GET", "HEAD")]
        record_property(ROW, ("R18 the second of two registries fails", "done when run again", "both whole"))
        assert [entry.path for entry in again] == ["/v2/app/manifests/1.0"]
        assert Storage(two.root, "app").tags() == {"1.0": IMAGE.digest}

    def test_expired_signed_address_is_requested_again(
        self,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        hostile: Callable[..., HostileServer],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        content = b"in the bucket"
        answers = iter([Reply(403, {}, b"<Error>expired</Error>"), Reply(200, {}, content)])
        bucket = hostile(lambda request: next(answers))
        signed = Status(307, {"Location": f"{bucket.url}/blob?Signature=s3cr3t-signature"})
        proxy = fault_proxy(registry_server.host, Rule("GET", "/blobs/", signed, times=2))
        remote = make_targets().open(f"{proxy.host}/app")
        with remote.open_blob(_blob(content)) as stream:
            assert stream.read() == content
        record_property(ROW, ("R21 redirected to storage with an expired signature", "done", "content whole"))
        assert proxy.count("GET", "/blobs/") == 2

    def test_unknown_host_name_is_reported(
        self, make_targets: TargetsFactory, record_property: Callable[[str, object], None]
    ) -> None:
        outcome = _outcome(lambda: make_targets().open("registry.invalid/app").resolve("1.0"))
        record_property(ROW, ("R22 the host name does not exist", _told(outcome), "nothing sent"))
        assert isinstance(outcome, Unreachable)
        assert "cannot be resolved" in outcome.message

    def test_registry_address_that_never_answers_is_skipped_for_the_next_address(
        self,
        registry_server: RegistryServer,
        make_targets: TargetsFactory,
        monkeypatch: pytest.MonkeyPatch,
        record_property: Callable[[str, object], None],
    ) -> None:
        real = socket.getaddrinfo
        # A listener with a full queue answers nobody, as an IPv6 route into nothing does.
        with socket.socket() as hole:
            hole.bind(("127.0.0.1", 0))
            hole.listen(0)
            waiting = [socket.socket() for _ in range(2)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(hole.getsockname())
            swallowed = (socket.AF_INET, socket.SOCK_STREAM, 6, "", hole.getsockname())
            monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [swallowed, *real(*a, **k)])
            assert (
                make_targets(limits=Limits(other_address=0.3)).open(f"{registry_server.host}/app").tags()
                == ()
            )
            for one in waiting:
                one.close()
        record_property(ROW, ("R22 the first address swallows everything", "done", "second address used"))

    def test_push_goes_through_the_http_proxy_of_the_environment(
        self,
        tmp_path: Path,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        proxy = fault_proxy(registry_server.host)
        named = frozenset({"registry.invalid"})
        targets = make_targets(env={"HTTP_PROXY": f"http://{proxy.host}"}, insecure=named)
        _push(tmp_path, targets.open("registry.invalid:80/app"), IMAGE)
        record_property(ROW, ("R22 through HTTP_PROXY", "done", "tag 1.0 is ours, whole"))
        assert proxy.count("PUT", "/manifests/1.0") == 1
        assert Storage(registry_server.root, "app").tags() == {"1.0": IMAGE.digest}

    def test_push_survives_a_restart_of_the_registry(
        self,
        tmp_path: Path,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        def restart() -> None:
            registry_server.stop()
            registry_server.start()

        proxy = fault_proxy(registry_server.host, Rule(*PUT_BLOB, Do(restart, then=Reset()), first=2))
        # A registry takes seconds to restart on a busy machine: longer than all pauses of STUBBORN together.
        patient = RetryPolicy(attempts=30, base=0.05, cap=1.0, longest_wait=3.0, patience=60.0)
        remote = make_targets(policy=patient).open(f"{proxy.host}/app")
        outcome = _outcome(lambda: _push(tmp_path, remote, IMAGE))
        stored = Storage(registry_server.root, "app")
        record_property(ROW, ("R23 the registry restarts", _told(outcome), stored.describe("1.0", IMAGE)))
        assert outcome is None
        assert stored.tags() == {"1.0": IMAGE.digest}

    @pytest.mark.parametrize("fault", ["another name", "expired"])
    def test_wrong_or_expired_certificate_of_a_registry_is_refused_without_retries(
        self,
        fault: str,
        tmp_path: Path,
        hostile: Callable[..., HostileServer],
        make_targets: TargetsFactory,
        record_property: Callable[[str, object], None],
    ) -> None:
        import datetime
        import ssl

        import trustme

        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        leaf = (
            authority.issue_cert("127.0.0.1", not_after=past, not_before=past - datetime.timedelta(days=1))
            if fault == "expired"
            else authority.issue_cert("other.example")
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        server = hostile(lambda request: Reply(), tls=context)
        remote = make_targets(ca=str(tmp_path / "ca.pem")).open(f"{server.host}/app")
        outcome = _outcome(lambda: remote.resolve("1.0"))
        record_property(ROW, (f"R16 certificate: {fault}", _told(outcome), "nothing sent"))
        assert isinstance(outcome, Unreachable)
        assert "certificate" in outcome.message
        assert "attempts" not in outcome.message
        assert server.requests == []


@pytest.mark.parametrize("status", [405, 413, 501])
def test_blob_refused_in_one_request_is_sent_in_chunks(
    status: int,
    tmp_path: Path,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
) -> None:
    content = bytes(range(256)) * 40
    layout = Layout.create(str(tmp_path / "l"))
    layout.put_blob(_blob(content), lambda: io.BytesIO(content))
    proxy = fault_proxy(registry_server.host, Rule(*PUT_BLOB, Status(status)))
    remote = make_targets(sizes=Sizes(chunk=1000)).open(f"{proxy.host}/app")
    assert remote.put_blob(_blob(content), lambda: layout.open_raw(_blob(content)))
    assert proxy.count("PATCH") == 11
    assert Storage(registry_server.root, "app").blob(digest(content)).read_bytes() == content
    # The host is known now: the next blob goes in chunks at once.
    more = b"x" * 2500
    assert remote.put_blob(_blob(more), lambda: io.BytesIO(more))
    assert proxy.count("PUT") == 3


@pytest.mark.parametrize(
    ("stored", "sessions"),
    [("0-799", 2), ("bytes=0-799", 2), ("bytes 0-799", 2), ("junk", 2), ("", 2), ("0-0", 3), ("0--1", 3), ("0-800", 3)],
)  # fmt: skip
def test_chunk_whose_stored_range_is_wrong_is_sent_again_once_and_then_the_digest_decides(
    stored: str,
    sessions: int,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
) -> None:
    content = b"x" * 800
    wrong = Rule("PATCH", "", Header("Range", stored), times=99)
    proxy = fault_proxy(registry_server.host, Rule(*PUT_BLOB, Status(413)), wrong)
    remote = make_targets(sizes=Sizes(chunk=1000)).open(f"{proxy.host}/app")
    assert remote.put_blob(_blob(content), lambda: io.BytesIO(content))
    assert proxy.count("POST") == sessions
    assert Storage(registry_server.root, "app").blob(digest(content)).read_bytes() == content


def test_push_succeeds_after_429_answers(
    tmp_path: Path,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
) -> None:
    image = make_image(layers=tuple(bytes([number]) * 4000 for number in range(30)))
    proxy = fault_proxy(
        registry_server.host, Rule("POST", "", Status(429, {"Retry-After": "1"}), first=3, times=2)
    )
    remote = make_targets(policy=STUBBORN).open(f"{proxy.host}/app")
    _push(tmp_path, remote, image)
    assert Storage(registry_server.root, "app").tags() == {"1.0": image.digest}


class Storage:
    """A repository as stored in the registry's files on disk."""

    def __init__(self, root: Path, repository: str) -> None:
        self._top = root / "docker/registry/v2"
        self._repository = self._top / "repositories" / repository

    def tags(self) -> dict[str, str]:
        """Return the repository's tags: tag -> digest."""
        return {
            path.name: (path / "current/link").read_text()
            for path in self._repository.glob("_manifests/tags/*")
            if (path / "current/link").exists()
        }

    def blob(self, name: str) -> Path:
        """Return the path of a blob's file in the registry's storage."""
        value = name.removeprefix("sha256:")
        return self._top / "blobs/sha256" / value[:2] / value / "data"

    def require_whole(self) -> None:
        """Require that each blob has the digest in its name, and that everything below each tag is stored."""
        for path in self._top.glob("blobs/sha256/*/*/data"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name
        for name in self.tags().values():
            self._require_below(name)

    def require(self, image: Image) -> None:
        """Require that every byte of `image` is stored in this repository."""
        for name, content in {image.digest: image.manifest.raw, **image.all_blobs()}.items():
            assert self.blob(name).read_bytes() == content

    def describe(self, tag: str, image: Image) -> str:
        """Return the stored state of a tag in words, for the table of faults."""
        held = self.tags().get(tag)
        if held is None:
            return "tag absent"
        return "tag 1.0 is ours, whole" if held == image.digest else f"tag is {held[:19]}"

    def _require_below(self, name: str) -> None:
        document = json.loads(self.blob(name).read_bytes())
        for child in document.get("manifests", []):
            self._require_below(child["digest"])
        for child in [*document.get("layers", []), *filter(None, [document.get("config")])]:
            assert self.blob(child["digest"]).exists()


def _push(tmp_path: Path, remote: Repository, image: Image) -> None:
    layout = Layout(str(tmp_path / "source"))
    if layout.resolve(image.digest) is None:
        store(image, layout)
    _copy(layout, remote, image)
    remote.put_manifest(image.manifest, tag="1.0")


def _copy(source: Repository, destination: Repository, image: Image) -> None:
    copy_image(source, destination, image.digest, sink=NullSink(), cancel=Cancel())


def _outcome(action: Callable[[], object]) -> RegistryError | None:
    try:
        action()
    except RegistryError as failure:
        return failure
    return None


def _told(outcome: RegistryError | None) -> str:
    return "done" if outcome is None else f"{type(outcome).__name__}: {outcome.message[:70]}"


def _blob(content: bytes) -> Descriptor:
    return Descriptor(media_type="application/octet-stream", digest=digest(content), size=len(content))
