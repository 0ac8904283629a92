"""The handlers that build or find an image accept only an image with the expected labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from release.build import BuiltFrom, BuiltImage
from release.build.auto import Choice
from release.control import Cancel
from release.effects.find import Find
from release.effects.local_store import LocalStore, Sources
from release.effects.obtain import Build
from release.effects.tag_reader import TagReader
from release.errors import BuildError, DigestMismatch, NotFound
from release.events import NullSink
from release.handler import Work
from release.layout.layout import Layout
from release.oci import OCI_MANIFEST, Repository
from release.plan.evidence import STORE
from release.plan.model import Bindings, Conflict, Done, Judgement
from release.plan.operands import BuildImage, FindImage, built_of, context_of, image_of, part_of
from release.tagging.labels import INPUTS, REVISION, VERSION
from release.tagging.model import Held
from tests.support.registries.images import Image, make_image, make_index, store

LABELS = {REVISION: "a" * 40, VERSION: "1.4.2", INPUTS: "shipmark.inputs/1:" + "1" * 64}
RIGHT = make_image({"a": b"1"}, labels=LABELS)
INDEX = make_index(RIGHT, make_image({"a": b"2"}, labels=LABELS, platform="linux/arm64"))


class Leaves:
    """A prepared build that always puts the given image into the store."""

    builder = "layers"
    makes_index = True

    def __init__(self, image: Image) -> None:
        self._image = image

    def build(self, path: str, platform: str | None = None) -> BuiltImage:
        assert platform is None
        store(self._image, Layout(path))
        return BuiltImage(digest=self._image.digest, media_type=OCI_MANIFEST, size=1)

    def close(self) -> None:
        raise AssertionError("who prepared it closes it")


def handler(builds: Mapping[str, Choice], folder: Path) -> Build:
    sources = Sources(NoRegistries(), LocalStore(str(folder / "store")))
    return Build(builds, sources, TagReader(), NullSink(), cancel=Cancel())


def build(image: Image, folder: Path) -> Bindings:
    operands = BuildImage(
        component="app",
        spec={"builder": "layers"},
        labels={**LABELS, "team": "a"},
        created=0,
        image=image_of("app"),
    )
    builds = {"app": Choice(prepared=Leaves(image))}
    work = Work(id="obtain", scope="app", operands=operands, bound=Bindings())
    return handler(builds, folder).act(work, None)


@pytest.mark.parametrize("image", [RIGHT, INDEX])
def test_built_image_with_the_expected_labels_is_accepted(image: Image, tmp_path: Path) -> None:
    assert build(image, tmp_path).get(image_of("app")) == image.digest


class LeavesParts:
    """A prepared build that leaves the given image whichever platform it is called with."""

    builder = "layers"
    makes_index = False

    def __init__(self, image: Image) -> None:
        self._image = image
        self.asked: list[str | None] = []

    def build(self, path: str, platform: str | None = None) -> BuiltImage:
        self.asked.append(platform)
        store(self._image, Layout(path))
        context = BuiltFrom(digest="sha256:" + "c" * 64)
        return BuiltImage(digest=self._image.digest, media_type=OCI_MANIFEST, size=1, context=context)

    def close(self) -> None:
        raise AssertionError("who prepared it closes it")


def build_part(
    prepared: Leaves | LeavesParts, folder: Path, platform: str | None, *platforms: str
) -> Bindings:
    operands = BuildImage(
        component="app",
        spec={"builder": "layers", "platforms": list(platforms)},
        labels=LABELS,
        created=0,
        image=image_of("app"),
        platform=platform,
    )
    work = Work(id="obtain", scope="app", operands=operands, bound=Bindings())
    return handler({"app": Choice(prepared=prepared)}, folder).act(work, None)


def test_image_of_one_platform_of_several_is_known_under_the_platforms_own_name(tmp_path: Path) -> None:
    prepared = LeavesParts(RIGHT)
    found = build_part(prepared, tmp_path, "linux/amd64", "linux/amd64", "linux/arm64")
    part = part_of("app", "linux/amd64")
    assert prepared.asked == ["linux/amd64"]
    assert found.get(image_of(part)) == RIGHT.digest
    assert found.get(context_of(part)) == {"digest": "sha256:" + "c" * 64}
    assert found.get(image_of("app")) is None


def test_a_built_image_for_another_platform_than_requested_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="linux/amd64 where `linux/arm64` was asked for"):
        build_part(LeavesParts(RIGHT), tmp_path, "linux/arm64", "linux/amd64", "linux/arm64")


def test_an_image_index_that_one_build_makes_gives_the_image_of_each_platform(tmp_path: Path) -> None:
    found = build_part(Leaves(INDEX), tmp_path, None, "linux/amd64", "linux/arm64")
    assert found.get(image_of("app")) == INDEX.digest
    digests = [found.get(image_of(part_of("app", name))) for name in ("linux/amd64", "linux/arm64")]
    assert digests == [child.digest for child in INDEX.children]
    (tmp_path / "second").mkdir()
    with pytest.raises(BuildError, match="where `linux/s390x` was asked for"):
        build_part(Leaves(INDEX), tmp_path / "second", None, "linux/amd64", "linux/s390x")


@pytest.mark.parametrize("name", sorted(LABELS))
@pytest.mark.parametrize("text", ["another", ""])
def test_built_image_without_the_expected_value_of_a_label_is_refused(
    name: str, text: str, tmp_path: Path
) -> None:
    labels = {**LABELS, name: text} if text else {key: LABELS[key] for key in LABELS if key != name}
    wrong = make_image({"a": b"1"}, labels=labels)
    with pytest.raises(BuildError, match=name) as caught:
        build(wrong, tmp_path)
    assert caught.value.hint
    (tmp_path / "second").mkdir()
    with pytest.raises(BuildError, match=name):
        build(make_index(RIGHT, make_image({}, labels=labels, platform="linux/arm64")), tmp_path / "second")


class NoRegistries:
    """Registries stand-in that fails the test when a registry is opened; only the local store may be read."""

    def open(self, target: str) -> Repository:
        raise AssertionError(target)


def find(said: Held, folder: Path) -> Judgement:
    operands = FindImage(
        component="app", mode="resume", digest=said.digest or "", sources=(STORE,), reason="", said=said
    )
    work = Work(id="obtain", scope="app", operands=operands, bound=Bindings())
    finding = Find(Sources(NoRegistries(), LocalStore(str(folder))))
    return finding.judge(work, finding.observe(work))


SAID = Held(
    target=STORE,
    tag=INDEX.digest,
    state="held",
    digest=INDEX.digest,
    revision=LABELS[REVISION],
    version=LABELS[VERSION],
    inputs=LABELS[INPUTS],
    platforms=("linux/arm64", "linux/amd64"),
)


def test_image_with_the_planned_labels_is_found_in_the_store(tmp_path: Path) -> None:
    store(INDEX, Layout(str(tmp_path)))
    judged = find(SAID, tmp_path)
    assert isinstance(judged, Done)
    assert judged.bindings.get(image_of("app")) == INDEX.digest
    built = judged.bindings.get(built_of("app"))
    assert built is not None
    assert len(built["platforms"]) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"revision": "b" * 40},
        {"version": None},
        {"inputs": None},
        {"platforms": ("linux/amd64",)},
        {"disputed": (REVISION,)},
    ],
)
def test_stored_image_with_other_labels_than_planned_is_a_conflict(
    change: dict[str, Any], tmp_path: Path
) -> None:
    store(INDEX, Layout(str(tmp_path)))
    assert isinstance(find(msgspec.structs.replace(SAID, **change), tmp_path), Conflict)


def test_a_stored_platforms_manifest_that_was_changed_or_is_missing_is_an_error(tmp_path: Path) -> None:
    store(INDEX, Layout(str(tmp_path)))
    child = INDEX.children[1].digest.removeprefix("sha256:")
    blob = tmp_path / "blobs" / "sha256" / child
    blob.write_bytes(blob.read_bytes().replace(b"sha256", b"sha512"))
    with pytest.raises(DigestMismatch):
        find(SAID, tmp_path)
    blob.unlink()
    with pytest.raises(NotFound):
        find(SAID, tmp_path)
