"""A token that has expired is renewed at whatever request the registry refuses it, and that request goes on."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.errors import Denied, Unreachable
from release.oci import OCI_LAYER, Descriptor
from release.registry.hosts.call import Sizes
from release.registry.http.retry import RetryPolicy
from tests.support.registries.images import digest, make_image, make_tar, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.simulated import ShortLived
from tests.support.registries.targets import TargetsFactory

CHUNK = 100_000
NAME = "renewal/app"
IMAGE = make_image({"a": b"1"}, layers=(make_tar({"data": b"\x5a" * 30_000}),))


def described(content: bytes) -> Descriptor:
    return Descriptor(media_type=OCI_LAYER, digest=digest(content), size=len(content))


LAYER = described(next(iter(IMAGE.blobs.values())))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShortLived]:
    registry = RegistryServer(tmp_path_factory.mktemp("short-lived"))
    simulated = ShortLived(registry)
    yield simulated
    simulated.close()
    registry.close()


class Scene:
    """The repository `NAME` at `server`, which has `IMAGE` under the tag `1.0`, opened without a token and retries."""

    def __init__(self, server: ShortLived, make: TargetsFactory, seed: str) -> None:
        self.server = server
        self.seed = seed.encode()  # makes the content that is sent differ from that of other tests
        self.direct = make()
        with_image = self.direct.open(f"{server.registry.host}/{NAME}")
        if with_image.resolve("1.0") is None:
            store(IMAGE, with_image, "1.0")
        # One attempt: a renewed token must not count as one.
        policy, sizes = RetryPolicy(attempts=1), Sizes(chunk=CHUNK)
        self.repository: Any = make(policy=policy, sizes=sizes).open(f"{server.host}/{NAME}")

    def stored(self, blob: str) -> bytes:
        status, _, content = self.server.registry.request("GET", f"/v2/{NAME}/blobs/{blob}")
        assert status == 200
        return content

    def content(self, size: int) -> bytes:
        return (self.seed * (size // len(self.seed) + 1))[:size]

    def send(self, size: int, reopen: Callable[[bytes], Any] = io.BytesIO) -> None:
        """Send a blob that the registry lacks; it must arrive whole, in one session, and no part of it twice."""
        content = self.content(size)
        blob, before = described(content), len(self.server.passed)
        assert self.repository.put_blob(blob, lambda: reopen(content))
        assert self.stored(blob.digest) == content
        kinds = Counter(one.partition(" ")[0] for one in self.server.passed[before:])
        assert (kinds["POST"], kinds["PUT"]) == (1, 1)
        assert kinds["PATCH"] == (0 if self.server.in_one else -(-size // CHUNK))


class _OnlyForward(io.RawIOBase):
    """A stream that cannot seek, as the blobs of registries and of compressed archives are."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(buffer)


def _chunks(scene: Scene, reopen: Callable[[bytes], Any]) -> None:
    scene.server.in_one = False
    try:
        # One blob shows that this host takes chunks only; nothing else tells it.
        with pytest.raises(Unreachable, match="send it in chunks"):
            scene.repository.put_blob(described(scene.seed), lambda: io.BytesIO(scene.seed))
        scene.send(CHUNK + 1, reopen)
    finally:
        scene.server.in_one = True


def _growing(scene: Scene) -> None:
    content = scene.content(250_000)
    upload = scene.repository.growing(io.BytesIO(content))
    upload.finish(len(content), digest(content))
    assert upload.run()
    assert scene.stored(digest(content)) == content


def _mounted(scene: Scene) -> None:
    content = scene.content(100)
    blob, other = described(content), scene.direct.open(f"{scene.server.registry.host}/renewal/other")
    other.put_blob(blob, lambda: io.BytesIO(content))
    assert not scene.repository.put_blob(blob, _never, mount_from=("renewal/other",))
    assert scene.stored(blob.digest) == content


def _never() -> io.BytesIO:
    raise AssertionError("the blob is mounted, not sent")


def _deleted(scene: Scene) -> None:
    image = make_image({"seed": scene.seed})
    store(image, scene.direct.open(f"{scene.server.registry.host}/{NAME}"))
    scene.repository.delete_manifest(image.digest)
    assert scene.server.registry.request("GET", f"/v2/{NAME}/manifests/{image.digest}")[0] == 404


def _put_tag(scene: Scene) -> None:
    tag = digest(scene.seed)[7:19]
    scene.repository.put_manifest(IMAGE.manifest, tag=tag)
    assert scene.server.registry.manifest(NAME, tag)[0] == IMAGE.digest


def _read(scene: Scene) -> None:
    with scene.repository.open_blob(LAYER) as stream:
        assert digest(stream.read()) == LAYER.digest


def _gives(expected: object, ask: Callable[[Any], object]) -> Callable[[Scene], None]:
    def check(scene: Scene) -> None:
        assert ask(scene.repository) == expected

    return check


#: What a command does with a repository, and the methods of the requests that it sends.
ACTIONS: dict[str, tuple[Callable[[Scene], None], set[str]]] = {
    "what a tag holds": (_gives(IMAGE.descriptor(), lambda remote: remote.resolve("1.0")), {"HEAD"}),
    "manifest": (_gives(IMAGE.manifest, lambda remote: remote.manifest("1.0")), {"GET"}),
    "blob": (_read, {"GET"}),
    "whether a blob is there": (_gives(True, lambda remote: remote.has_blob(LAYER)), {"HEAD"}),
    "list of tags": (_gives(True, lambda remote: "1.0" in remote.tags()), {"GET"}),
    "referrers": (_gives(None, lambda remote: remote.referrers(IMAGE.digest)), {"GET"}),
    "right to push": (_gives(None, lambda remote: remote.check_push()), {"POST", "DELETE"}),
    "upload in one request": (lambda scene: scene.send(CHUNK + 1), {"HEAD", "POST", "PUT"}),
    "upload in chunks": (lambda scene: _chunks(scene, io.BytesIO), {"HEAD", "POST", "PATCH", "PUT"}),
    "stream in chunks": (lambda scene: _chunks(scene, _OnlyForward), {"PATCH"}),
    "upload that grows": (_growing, {"POST", "PATCH", "PUT"}),
    "mount": (_mounted, {"HEAD", "POST"}),
    "storing a manifest": (_gives(None, lambda remote: remote.put_manifest(IMAGE.manifest)), {"PUT"}),
    "storing a tag": (_put_tag, {"PUT"}),
    "deletion": (_deleted, {"DELETE"}),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_request_at_which_the_token_has_expired_is_sent_again_with_a_new_token(
    name: str, server: ShortLived, make_targets: TargetsFactory
) -> None:
    action, methods = ACTIONS[name]
    refused: set[str] = set()
    for number in range(1, 20):
        scene = Scene(server, make_targets, f"{name}, {number}")
        server.expire_at(number)
        action(scene)
        if not server.refused:
            break
        assert len(server.refused) == 1
        refused.add(server.refused[0].partition(" ")[0])
    assert methods <= refused


def test_request_that_closes_an_upload_in_chunks_is_sent_again_without_reading_the_blob_again(
    server: ShortLived, make_targets: TargetsFactory
) -> None:
    opened: list[int] = []

    def reopen(content: bytes) -> io.RawIOBase:
        opened.append(len(content))
        return _OnlyForward(content)

    times: list[int] = []  # for each refused PUT: how often the blob was opened
    for number in range(1, 20):
        scene = Scene(server, make_targets, f"closing, {number}")
        server.expire_at(number)
        opened.clear()
        _chunks(scene, reopen)
        if not server.refused:
            break
        if server.refused[0].startswith("PUT "):
            times.append(len(opened))
    # That of the blob which the host refuses in one request, and that of the other one.
    assert times == [1, 1]


@pytest.mark.parametrize("uses", [1, 2])
def test_all_actions_succeed_with_tokens_that_are_good_for_a_few_requests(
    uses: int, server: ShortLived, make_targets: TargetsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "uses", uses)
    server.refused.clear()
    for name, (action, _) in ACTIONS.items():
        action(Scene(server, make_targets, f"{name}, of {uses}"))
    assert server.refused


def test_request_that_no_new_token_helps_is_repeated_once_and_then_denied(
    server: ShortLived, make_targets: TargetsFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "uses", 0)
    fixed = base64.b64encode(b"repository:renewal/denied:pull,push 0").decode()
    for entry, tokens in (({}, 2), ({"registrytoken": fixed}, 0)):
        (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: entry}}))
        targets = make_targets(env={"DOCKER_CONFIG": str(tmp_path)})
        before = len(server.tokens)
        with pytest.raises(Denied):
            targets.open(f"{server.host}/renewal/denied").check_push()
        assert len(server.tokens) - before == tokens
