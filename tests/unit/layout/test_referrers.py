"""Referrers in layouts, in both forms: as entries of `index.json`, and in the index of the subject's fallback tag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from release.layout.layout import Layout
from release.oci.attached import is_attached, is_fallback, referrers_tag, with_referrer
from release.oci.manifest import children
from release.transfer.referrers import attach, find_attached
from tests.support.registries.images import Image, make_image, store

SUBJECT = make_image({"a": b"one"})
TAG = referrers_tag(SUBJECT.digest)


def referrer(name: str) -> Image:
    about = {
        "mediaType": SUBJECT.manifest.media_type,
        "digest": SUBJECT.digest,
        "size": len(SUBJECT.manifest.raw),
    }
    extra = {"subject": about, "artifactType": f"application/{name}", "annotations": {"name": name}}
    return make_image({name: b""}, extra=extra)


ONE, TWO = referrer("one"), referrer("two")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "l"))
    store(SUBJECT, made, "1.0")
    return made


def index(layout: Layout) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(layout.path) / "index.json").read_text())
    return document


def digests(layout: Layout) -> set[str]:
    return {one.digest for one in layout.referrers(SUBJECT.digest)}


def test_a_referrer_is_listed_as_an_entry_and_under_the_fallback_tag(layout: Layout) -> None:
    for one in (ONE, TWO, ONE):
        store(one, layout)
        attach(layout, one.manifest)
    assert {ONE.digest, TWO.digest} <= {entry["digest"] for entry in index(layout)["manifests"]}
    listed = children(layout.manifest(TAG))
    assert [one.digest for one in listed] == [ONE.digest, TWO.digest]
    assert [one.artifact_type for one in listed] == ["application/one", "application/two"]
    assert listed[0].annotations == {"name": "one"}
    assert (
        len(index(layout)["manifests"]) == 4
    )  # the image, two referrers, one list: no list that was replaced
    assert digests(layout) == {ONE.digest, TWO.digest}


def test_referrers_listed_only_under_the_fallback_tag_are_found(layout: Layout) -> None:
    store(ONE, layout)
    document = index(layout)
    document["manifests"] = [one for one in document["manifests"] if one["digest"] != ONE.digest]
    (Path(layout.path) / "index.json").write_text(json.dumps(document))
    assert digests(layout) == {ONE.digest}
    assert find_attached(layout, SUBJECT.digest).referrers[0].artifact_type == "application/one"


def test_referrers_listed_only_in_index_json_are_found_also_after_another_one_was_stored(
    layout: Layout,
) -> None:
    store(ONE, layout)
    document = index(layout)
    kept = [one for one in document["manifests"] if TAG not in (one.get("annotations") or {}).values()]
    (Path(layout.path) / "index.json").write_text(json.dumps({**document, "manifests": kept}))
    assert digests(layout) == {ONE.digest}
    store(TWO, layout)
    assert digests(layout) == {ONE.digest, TWO.digest}


def test_entries_of_other_tools_in_the_referrers_list_stay(layout: Layout) -> None:
    store(ONE, layout)
    foreign = make_image({"x": b"x"}, extra={"artifactType": "application/foreign"})
    store(foreign, layout)
    layout.put_manifest(with_referrer(layout.manifest(TAG), foreign.manifest), tag=TAG)
    store(TWO, layout)
    assert [one.digest for one in children(layout.manifest(TAG))] == [ONE.digest, foreign.digest, TWO.digest]
    assert digests(layout) == {ONE.digest, TWO.digest}  # what has another subject is no referrer


def test_a_deleted_referrer_is_removed_from_the_list_and_the_tag_with_the_last_one(layout: Layout) -> None:
    for one in (ONE, TWO):
        store(one, layout)
    layout.delete_manifest(ONE.digest)
    assert digests(layout) == {TWO.digest}
    assert [one.digest for one in children(layout.manifest(TAG))] == [TWO.digest]
    layout.delete_manifest(TWO.digest)
    assert layout.tags() == ("1.0",)


def test_a_damaged_referrer_is_left_out_of_the_found_referrers(layout: Layout) -> None:
    store(ONE, layout)
    store(TWO, layout)
    path = Path(layout.blob_path(TWO.digest))
    path.write_bytes(b"x" * path.stat().st_size)
    assert digests(layout) == {ONE.digest}


@pytest.mark.parametrize(
    ("tag", "fallback", "attached"),
    [
        (TAG, True, True),
        (f"{TAG}.sig", False, True),
        (f"{TAG}.att", False, True),
        ("sha256-3f2a9c1b7d40", False, False),
        ("1.0", False, False),
        (f"x{TAG}", False, False),
    ],
)
def test_fallback_tags_and_tags_of_attached_artifacts_are_recognised(
    tag: str, fallback: bool, attached: bool
) -> None:
    assert (is_fallback(tag), is_attached(tag)) == (fallback, attached)
