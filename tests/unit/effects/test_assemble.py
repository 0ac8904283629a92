"""The index of several platforms: made in the local store, or checked where a builder or `--from` made it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from release.control import Cancel
from release.effects.assemble import Assembly
from release.effects.local_store import LocalStore, Sources
from release.errors import BuildError, NotFound
from release.events import Event, Note
from release.handler import Work
from release.image_names.joined import JoinedImages
from release.layout.layout import Layout
from release.oci import Repository
from release.oci.manifest import children
from release.plan.evidence import STORE
from release.plan.model import Bindings, Conflict, Done, Free, Slot, duration_of
from release.plan.operands import (
    Assemble,
    PlatformImage,
    builder_of,
    built_of,
    context_of,
    image_of,
    part_of,
    tools_of,
)
from release.plan.supply import FROM
from tests.support.registries.images import Image, make_image, make_index, store

AMD = make_image({"a": b"1"}, platform="linux/amd64")
ARM = make_image({"a": b"2"}, platform="linux/arm64")
NAMES = (part_of("app", "linux/amd64"), part_of("app", "linux/arm64"))


class Elsewhere:
    """Registries stand-in whose only target is an OCI layout folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, target: str) -> Repository:
        assert target == "target"
        return Layout(str(self._folder))


class Told:
    """A sink that keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note) and event.level == "warning":
            self.warnings.append(event.text)


class Ground:
    """A store, a target and the places of `--from`, each an OCI layout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = Told()
        self.supplied: Repository | None = None

    def put(self, place: str, *images: Image) -> None:
        for image in images:
            store(image, Layout(str(self.folder / place)))

    def handler(self) -> Assembly:
        sources = Sources(
            Elsewhere(self.folder / "target"),
            LocalStore(str(self.folder / STORE)),
            supplied=self.supplied,
        )
        return Assembly(sources, sink=self.told, cancel=Cancel())

    def made(self, work: Work[Assemble]) -> Done:
        """Carry the step out as the runner does, and return the verdict on the result."""
        handler = self.handler()
        seen = handler.observe(work)
        assert isinstance(handler.judge(work, seen), Free)
        handler.act(work, seen)
        after = handler.judge(work, handler.observe(work))
        assert isinstance(after, Done)
        return after


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    for place in (STORE, "target"):
        (tmp_path / place).mkdir()
    return Ground(tmp_path)


def work_for(
    *images: str | Slot[str],
    place: str = STORE,
    sources: tuple[str, ...] = (STORE,),
    image: str | None = None,
    annotations: Mapping[str, str] | None = None,
    bound: Bindings | None = None,
) -> Work[Assemble]:
    platforms = ("linux/amd64", "linux/arm64")
    parts = [
        PlatformImage(platform=platform, image=digest, sources=sources)
        for platform, digest in zip(platforms, images, strict=False)
    ]
    operands = Assemble(
        component="app",
        parts=tuple(parts),
        image=image or image_of("app"),
        place=place,
        annotations=annotations or {},
    )
    return Work(id="assemble:app", scope="app", operands=operands, bound=bound or Bindings())


def parts_of(index: Any) -> list[str]:
    return [child.digest for child in children(index)]


def test_the_image_index_lists_the_platforms_in_their_order_and_is_made_once(ground: Ground) -> None:
    ground.put(STORE, AMD, ARM)
    work = work_for(AMD.digest, ARM.digest, annotations={"team": "a"})
    digest = ground.made(work).bindings.get(image_of("app"))
    assert digest is not None
    index = Layout(str(ground.folder / STORE)).manifest(digest)
    assert parts_of(index) == [AMD.digest, ARM.digest]
    assert b'"annotations":{"team":"a"}' in index.raw
    again = ground.handler()
    assert isinstance(again.judge(work, again.observe(work)), Done)


def test_no_image_index_is_made_before_the_image_of_each_platform_is_known(ground: Ground) -> None:
    ground.put(STORE, AMD)
    work = work_for(AMD.digest, image_of(NAMES[1]))
    handler = ground.handler()
    seen = handler.observe(work)
    assert isinstance(handler.judge(work, seen), Free)
    with pytest.raises(NotFound, match="before the image of each platform"):
        handler.act(work, seen)


def test_a_platforms_image_that_only_a_target_has_is_copied_into_the_store(ground: Ground) -> None:
    ground.put(STORE, AMD)
    ground.put("target", ARM)
    ground.made(work_for(AMD.digest, ARM.digest, sources=(STORE, "target")))
    stored = Layout(str(ground.folder / STORE))
    assert all(stored.has_blob(blob) for blob in children(ARM.manifest))
    with pytest.raises(NotFound, match="linux/arm64"):
        ground.handler().observe(work_for(AMD.digest, "sha256:" + "0" * 64))


def test_a_manifest_of_an_unknown_platform_is_refused_as_part_of_an_image_index(ground: Ground) -> None:
    odd = make_image({"x": b"1"}, platform="unknown/unknown")
    ground.put(STORE, AMD, odd)
    with pytest.raises(BuildError, match="names no platform"):
        ground.handler().observe(work_for(AMD.digest, odd.digest))


def test_the_build_record_of_an_image_is_made_of_those_of_its_platforms(ground: Ground) -> None:
    ground.put(STORE, AMD, ARM)
    context = {"digest": "sha256:" + "c" * 64, "untracked": 0}
    bound = Bindings()
    for number, name in enumerate(NAMES):
        bound = (
            bound.with_value(context_of(name), context)
            .with_value(builder_of(name), "layers")
            .with_value(tools_of(name), {"shipmark": "1.0"})
            .with_value(duration_of(f"obtain:{name}"), 40 + number)
        )
    found = ground.made(work_for(AMD.digest, ARM.digest, bound=bound)).bindings
    built = found.get(built_of("app"))
    assert built is not None
    assert built["context"] == context
    assert [one["platform"] for one in built["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert found.get(builder_of("app")) == "layers"
    assert found.get(tools_of("app")) == {"shipmark": "1.0"}
    assert found.get(duration_of("obtain:app")) == 81
    assert ground.told.warnings == []


@pytest.mark.parametrize("other", [{"digest": "sha256:" + "d" * 64}, None])
def test_the_build_context_is_left_out_of_the_record_if_platforms_had_different_or_unknown_ones(
    ground: Ground, other: dict[str, str] | None
) -> None:
    ground.put(STORE, AMD, ARM)
    bound = Bindings().with_value(context_of(NAMES[0]), {"digest": "sha256:" + "c" * 64})
    if other is not None:
        bound = bound.with_value(context_of(NAMES[1]), other)
    found = ground.made(work_for(AMD.digest, ARM.digest, bound=bound)).bindings
    assert "context" not in (found.get(built_of("app")) or {})
    assert bool(ground.told.warnings) == (other is not None)


def test_an_image_index_that_its_builder_made_is_accepted_unchanged(ground: Ground) -> None:
    whole = make_index(AMD, ARM)
    ground.put(STORE, whole)
    known = Bindings().with_value(built_of("app"), {"digest": whole.digest})
    work = work_for(AMD.digest, ARM.digest, image=whole.digest, annotations={"not": "added"}, bound=known)
    handler = ground.handler()
    judged = handler.judge(work, handler.observe(work))
    assert isinstance(judged, Done)
    assert judged.bindings.get(built_of("app")) is None  # the builder's own values stay
    other = msgspec.structs.replace(work, operands=work_for(AMD.digest, image=whole.digest).operands)
    assert isinstance(handler.judge(other, handler.observe(other)), Conflict)


def test_an_image_index_that_from_joins_of_several_layouts_is_accepted_without_a_change(
    ground: Ground,
) -> None:
    ground.put("a", AMD)
    ground.put("b", ARM)
    whole = make_index(AMD, ARM)
    places = [Layout(str(ground.folder / name)) for name in ("a", "b")]
    ground.supplied = JoinedImages(FROM, whole.manifest, places)
    work = work_for(AMD.digest, ARM.digest, place=FROM, sources=(FROM,), image=whole.digest)
    handler = ground.handler()
    judged = handler.judge(work, handler.observe(work))
    assert isinstance(judged, Done)
    assert judged.bindings.get(image_of("app")) == whole.digest
