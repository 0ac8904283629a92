"""What a registry's answer to a read of a manifest says, checked."""

from __future__ import annotations

import pytest

from release.errors import DigestMismatch, Invalid
from release.oci.manifest import describe
from release.registry.manifest_answers import described, manifest_in
from tests.support.registries.images import make_image

IMAGE = make_image().manifest
TYPE = {"Content-Type": IMAGE.media_type}
STATED = {**TYPE, "Docker-Content-Digest": IMAGE.digest}


def test_damaged_manifest_under_a_tag_is_a_wrong_digest_and_not_a_wrong_document() -> None:
    damaged = IMAGE.raw.replace(b'"size"', b'"sizE"')
    with pytest.raises(DigestMismatch, match="is said to be"):
        manifest_in(STATED, damaged, "localhost/app", "1.0")
    with pytest.raises(DigestMismatch, match="was requested"):
        manifest_in(STATED, damaged, "localhost/app", IMAGE.digest)
    with pytest.raises(Invalid, match="read as `size`"):
        manifest_in(TYPE, damaged, "localhost/app", "1.0")


@pytest.mark.parametrize("stated", [IMAGE.digest, "", f"sha512:{'0' * 128}"])
def test_manifest_is_read_with_a_fitting_digest_none_or_one_of_another_algorithm(stated: str) -> None:
    headers = {**TYPE, "Docker-Content-Digest": stated}
    assert manifest_in(headers, IMAGE.raw, "localhost/app", "1.0") == IMAGE
    assert manifest_in(headers, IMAGE.raw, "localhost/app", IMAGE.digest) == IMAGE


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": ""},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "text/plain; charset=utf-8"},
        {"Content-Length": "0"},
        {"Content-Length": "1" * 13},
        {"Docker-Content-Digest": "sha256:none"},
    ],
)
def test_head_whose_headers_say_too_little_is_followed_by_a_get(headers: dict[str, str]) -> None:
    whole = {**STATED, "Content-Length": str(len(IMAGE.raw))}
    assert described(whole, "localhost/app", "1.0") == describe(IMAGE)
    assert described({**whole, **headers}, "localhost/app", "1.0") is None
