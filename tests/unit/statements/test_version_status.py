"""The artifact `shipmark-status`: its statuses are read back and merged, and unknown members in it are kept."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import Invalid
from release.oci import OCI_MANIFEST
from release.oci.manifest import encode_manifest
from release.statements.version_status import (
    ARTIFACT_TYPE,
    StatusDocument,
    artifact_of,
    layer_of,
    read_document,
)
from release.versions.status import KnownStatus, lacking, merged

STATUSES = st.builds(
    KnownStatus,
    version=st.sampled_from(["1.0.0", "1.1.0", "1.1.0_r1"]),
    number=st.integers(1, 4),
    status=st.sampled_from(["yanked", "restored", "prerelease", "stable", "of-the-future"]),
)
YANK = KnownStatus(version="1.5.0", number=1, status="yanked", reason="it eats data", commit="a" * 40)


def valid(*sources: list[KnownStatus]) -> dict[str, tuple[int, str]]:
    return {version: (one.number, one.status) for version, one in merged(*sources).items()}


def document(*statuses: KnownStatus) -> StatusDocument:
    return StatusDocument().with_statuses(statuses)


@given(st.lists(STATUSES), st.lists(STATUSES))
def test_merged_version_statuses_do_not_depend_on_their_order_except_those_of_equal_caution(
    one: list[KnownStatus], other: list[KnownStatus]
) -> None:
    alike = {"restored": "stable"}  # equally cautious: whichever is read first is kept
    here = {version: (number, alike.get(said, said)) for version, (number, said) in valid(one, other).items()}
    there = {
        version: (number, alike.get(said, said)) for version, (number, said) in valid(other, one).items()
    }
    assert here == there


@given(st.lists(STATUSES), st.lists(STATUSES))
def test_a_status_document_has_every_status_that_was_added_to_it(
    one: list[KnownStatus], other: list[KnownStatus]
) -> None:
    written = document(*one).with_statuses(other)
    read = read_document(json.dumps(written.raw).encode(), "x")
    assert lacking(read.statuses, [*one, *other]) == ()
    assert valid(list(read.statuses)) == valid(one, other)


def test_highest_number_is_valid_and_at_equal_numbers_the_more_cautious_status() -> None:
    restored = msgspec.structs.replace(YANK, status="restored")
    assert merged([restored], [YANK])["1.5.0"].status == "yanked"
    assert merged([YANK], [msgspec.structs.replace(restored, number=2)])["1.5.0"].status == "restored"


def test_the_manifest_of_the_status_artifact_contains_its_document() -> None:
    artifact = artifact_of(document(YANK))
    layer, payload = layer_of(artifact.manifest, "x")
    assert payload is not None
    assert read_document(payload, "x").statuses == (YANK,)
    assert (layer, payload) in artifact.blobs
    assert artifact_of(document(YANK)).manifest == artifact.manifest


def test_members_and_statuses_of_a_newer_shipmark_are_kept_when_a_status_is_added() -> None:
    odd: list[Any] = [
        {"version": "1.0.0", "number": 1, "status": "x", "why": "y"},
        {"version": "9.0.0", "number": "later"},
        3,
    ]
    whole = StatusDocument({"schema": "shipmark.status/1", "signed": True, "versions": odd}).with_statuses(
        [YANK]
    )
    assert whole.raw["signed"] is True
    assert all(one in whole.raw["versions"] for one in odd)
    assert sorted(one.version for one in whole.statuses) == ["1.0.0", "1.5.0"]


def manifest(**members: object) -> bytes:
    whole = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "layers": [],
        **members,
    }
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(manifest(), id="no layer"),
        pytest.param(manifest(artifactType="application/vnd.example"), id="an artifact of another tool"),
        pytest.param(
            manifest(layers=[{"digest": "sha256:0", "size": 1 << 40, "mediaType": "x"}]), id="a huge layer"
        ),
        pytest.param(
            manifest(layers=[{"digest": "sha256:0", "size": 1, "mediaType": "x", "data": "%"}]),
            id="no base64",
        ),
        pytest.param(
            manifest(layers=[{"digest": "sha256:0", "size": 1, "mediaType": "x", "data": "e30="}]),
            id="another digest",
        ),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(b"\xff", id="no text"),
    ],
)
def test_a_manifest_that_is_no_status_artifact_is_invalid(raw: bytes) -> None:
    found = msgspec.structs.replace(encode_manifest({}, OCI_MANIFEST), raw=raw)
    with pytest.raises(Invalid, match=r"is not a list of statuses|the digest of its layer"):
        layer_of(found, "r.example/app:shipmark-status")


@pytest.mark.parametrize(
    ("payload", "hint"),
    [
        *(
            (payload, "is reserved")
            for payload in (b"", b"[]", b"{}", b'{"versions": {}}', b"\xff", b"[" * 100_000)
        ),
        (b'{"versions": []}', "is reserved"),
        (b'{"schema": "shipmark.log/1", "versions": []}', "is reserved"),
        (b'{"schema": "shipmark.status/1", "versions": 1}', "is reserved"),
        (b'{"schema": "shipmark.status/2", "versions": []}', "update shipmark"),
    ],
)
def test_a_payload_that_is_no_list_of_statuses_is_invalid(payload: bytes, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_document(payload, "r.example/app:shipmark-status")
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("number", [-1, 0, 2**53 - 1, 2**53, 2**70, 1.5, "1", None, True])
def test_a_status_whose_number_nobody_counted_is_skipped_and_the_next_decision_replaces_it(
    number: Any,
) -> None:
    odd = {"version": "1.5.0", "number": number, "status": "restored"}
    there = StatusDocument({"schema": "shipmark.status/1", "versions": [odd]})
    assert there.statuses == ()
    assert there.with_statuses([YANK]).statuses == (YANK,)


def test_a_status_document_larger_than_a_manifest_may_be_is_refused() -> None:
    with pytest.raises(Invalid, match="more than"):
        artifact_of(document(msgspec.structs.replace(YANK, reason="x" * 3_000_000)))
