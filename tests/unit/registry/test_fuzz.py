"""Parsers of data from registries, archives and layouts, fed with damaged examples (`tests/support/fuzzing.py`)."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable

import pytest

from release.image_names.tar_index import read_members
from release.layout.index import read_entries
from release.oci import OCI_INDEX, OCI_MANIFEST
from release.oci.manifest import artifact_type, children, read_manifest, subject
from release.oci.reference import Reference
from release.registry.auth.challenge import choose, parse_challenges
from release.registry.auth.docker_config import parse_auth_file
from release.registry.auth.ecr import is_ecr
from release.registry.downloads import read_range
from release.registry.http.error_body import read_refusal
from release.registry.http.retry import retry_after
from release.registry.pagination import next_link
from tests.support.fuzzing import Parser, fuzz
from tests.support.registries.images import make_image, make_index


def _text(function: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: function(raw.decode("latin-1"))


def _manifest(media_type: str) -> Callable[[bytes], object]:
    def parse(raw: bytes) -> None:
        manifest = read_manifest(raw, media_type, expected=None, source="here")
        children(manifest)
        subject(manifest)
        artifact_type(manifest)

    return parse


def _entries(raw: bytes) -> None:
    entries = read_entries(raw, "here")
    for descriptor in list(entries.descriptors()):
        entries.add(descriptor, "tag")
        entries.untag("tag")
        entries.absorb([descriptor.digest])
    entries.names()
    entries.encode()


def _archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("a" * 120, b"1" * 700), ("b", b""), ("ü" * 60, b"3")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "b"
        archive.addfile(link)
    return stream.getvalue()


IMAGE = make_image(
    {"a": b"1"}, extra={"subject": {"mediaType": "x/y", "digest": "sha256:" + "a" * 64, "size": 3}}
)
INDEX = make_index(IMAGE, make_image({"b": b"2"}))
LAYOUT = json.loads(INDEX.manifest.raw)
LAYOUT["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "1.0", "other": "kept"}

PARSERS = (
    Parser(
        "reference",
        _text(Reference.parse),
        (b"ghcr.io/acme/app:1.4.2@sha256:" + b"a" * 64, b"[::1]:5000/a/b:c", b"ubuntu", b"localhost:5000/a"),
    ),
    Parser(
        "challenge",
        _text(lambda text: choose(parse_challenges(text))),
        (b'Bearer realm="https://a/t",service="r",scope="repository:a/b:pull,push"', b"Basic realm=x, Negotiate YQ=="),
    ),
    Parser("link", _text(next_link), (b'</v2/a/tags/list?last=b&n=1>; rel="next"', b"<a>; rel=prev, <b>;rel=next")),
    Parser("range", _text(read_range), (b"bytes 0-99/100", b"bytes 5-9/*")),
    Parser(
        "retry-after",
        _text(lambda text: retry_after(text, 1_700_000_000_000)),
        (b"120", b"Tue, 14 Nov 2023 22:13:30 GMT", b"Tuesday, 14-Nov-23 22:13:30 GMT"),
    ),
    Parser("manifest", _manifest(OCI_MANIFEST), (IMAGE.manifest.raw,)),
    Parser("index", _manifest(OCI_INDEX), (INDEX.manifest.raw,)),
    Parser("layout index", _entries, (json.dumps(LAYOUT).encode(),)),
    Parser("archive", lambda raw: read_members(io.BytesIO(raw), source="here"), (_archive(),)),
    Parser(
        "credential file",
        lambda raw: parse_auth_file(raw, "config.json"),
        (b'{"auths": {"a.io": {"auth": "dXNlcjpwYXNz"}}, "credHelpers": {"b.io": "x"}, "credsStore": "y"}',),
    ),
    Parser(
        "error document",
        lambda raw: read_refusal(raw, str),
        (b'{"errors": [{"code": "DENIED", "message": "no", "detail": "x"}]}',),
    ),
    Parser("ecr host", _text(is_ecr), (b"123456789012.dkr.ecr.eu-central-1.amazonaws.com",)),
)  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_parsers_of_registry_and_archive_data_accept_or_refuse_damaged_input(parser: Parser) -> None:
    fuzz(parser, printable=True)
