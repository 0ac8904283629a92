"""Several tags of one image are looked up at once and put at once, and none is put if one must not be taken."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from release.app.images.put_tags import place_tags
from release.control import Cancel
from release.errors import RefusedError, TagConflict
from release.oci import Descriptor, Manifest
from tests.support.registries.images import make_image

IMAGE, OTHER = make_image({"a": b"1"}), make_image({"a": b"2"})
_WAIT = 30.0  # seconds for what takes milliseconds on a quiet machine


class Registry:
    """A repository that answers no request before `together` requests have arrived. `held`: image of each tag."""

    name = "registry.example/app"

    def __init__(self, together: int, **held: Any) -> None:
        self._meeting = threading.Barrier(together)
        self.held = held
        self.put: list[str | None] = []

    def resolve(self, reference: str) -> Descriptor | None:
        self._meeting.wait(_WAIT)
        image = self.held.get(reference)
        return image.descriptor() if image is not None else None

    def put_manifest(self, manifest: Manifest, *, tag: str | None = None) -> None:
        self._meeting.wait(_WAIT)
        assert manifest == IMAGE.manifest
        self.put.append(tag)


def place(registry: Registry, *tags: str, move: bool = False) -> dict[str, str]:
    repository: Any = registry
    placed = place_tags(repository, IMAGE.manifest, tags, move=move, cancel=Cancel())
    return {one.tag: one.result for one in placed}


def test_tags_are_looked_up_and_put_at_once_and_reported_in_their_order() -> None:
    registry = Registry(3)
    assert list(place(registry, "b", "a", "c").items()) == [
        ("b", "created"),
        ("a", "created"),
        ("c", "created"),
    ]
    assert sorted(registry.put, key=str) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("held", "error", "tag"),
    [
        ({"1.0.0": OTHER, "stable": OTHER}, TagConflict, "1.0.0"),
        ({"stable": OTHER}, RefusedError, "stable"),
        ({"stable": OTHER, "edge": OTHER}, RefusedError, "edge"),
    ],
)
def test_first_tag_that_must_not_be_taken_is_named_and_no_tag_is_put(
    held: dict[str, Any], error: type[RefusedError], tag: str
) -> None:
    registry = Registry(3, **held)
    with pytest.raises(error, match=f"`{Registry.name}:{tag}` already holds"):
        place(registry, "1.0.0", "edge", "stable")
    assert registry.put == []
