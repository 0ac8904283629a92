"""A registry behind a cache that compresses answers although no request allows it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from release.errors import Denied, Invalid
from release.oci import OCI_MANIFEST, Descriptor
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.images import make_image
from tests.support.registries.targets import TargetsFactory

Hostile = Callable[..., HostileServer]
IMAGE = make_image()
CONFIG = json.loads(IMAGE.manifest.raw)["config"]
TAGS = tuple(f"t-{number}" for number in range(40))


def behind_cache(request: Request, *, coding: str = "gzip", squeeze: Any = gzip.compress) -> Reply:
    """Every tag names `IMAGE`; manifests, lists and configs are compressed, and layers, which are already, not."""
    name = request.path.rpartition("/")[2].partition("?")[0]
    if name in IMAGE.blobs and name != CONFIG["digest"]:
        return Reply(200, {}, IMAGE.blobs[name])
    contents = {"list": json.dumps({"name": "app", "tags": TAGS}).encode(), **IMAGE.blobs, "": b""}
    body = contents.get(name, IMAGE.manifest.raw)
    headers = {
        "Content-Type": OCI_MANIFEST,
        "Docker-Content-Digest": IMAGE.digest,
        "Content-Encoding": coding,
    }
    return Reply(200, headers, squeeze(body) if body else b"")


def test_answers_that_a_cache_compressed_are_read(hostile: Hostile, make_targets: TargetsFactory) -> None:
    server = hostile(behind_cache)
    remote: Any = make_targets().open(f"{server.host}/app")
    whole = Descriptor(media_type=OCI_MANIFEST, digest=IMAGE.digest, size=len(IMAGE.manifest.raw))
    assert remote.tags() == TAGS
    assert remote.resolve("t-1") == whole
    assert remote.manifest("t-1") == IMAGE.manifest
    assert remote.manifest(IMAGE.digest) == IMAGE.manifest
    for each in (CONFIG, *json.loads(IMAGE.manifest.raw)["layers"]):
        blob = Descriptor(media_type=each["mediaType"], digest=each["digest"], size=each["size"])
        assert remote.open_blob(blob).read() == IMAGE.blobs[blob.digest]
    many: Any = make_targets().open(f"{server.host}/app")
    found = many.resolve_many(TAGS)
    assert found == {}, "left to be resolved alone"
    assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}


@pytest.mark.parametrize(
    ("coding", "squeeze", "message"),
    [
        ("br", lambda raw: raw, "`Content-Encoding` `br`, which was not asked for"),
        ("gzip", lambda raw: gzip.compress(raw)[:-9], "ends early"),
        ("gzip", lambda raw: gzip.compress(raw)[:12] + b"\xff" * 30, "cannot be decompressed"),
        ("gzip", lambda raw: gzip.compress(b"x" * 20_000_000), "is larger than"),
    ],
)
def test_compressed_answer_that_cannot_be_read_says_why(
    hostile: Hostile, make_targets: TargetsFactory, coding: str, squeeze: Any, message: str
) -> None:
    server = hostile(lambda request: behind_cache(request, coding=coding, squeeze=squeeze))
    with pytest.raises(Invalid) as caught:
        make_targets().open(f"{server.host}/app").manifest("t-1")
    assert message in caught.value.message


def test_error_of_an_unreadable_encoding_keeps_its_status(
    hostile: Hostile, make_targets: TargetsFactory
) -> None:
    refused = Reply(403, {"Content-Encoding": "br"}, b"\x8b\x02")
    server = hostile(lambda request: Reply() if request.path == "/v2/" else refused)
    with pytest.raises(Denied):
        make_targets().open(f"{server.host}/app").manifest("t-1")
