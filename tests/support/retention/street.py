"""Many repositories of one registry with the same images, for prunes of a pattern."""

from __future__ import annotations

import shutil

from tests.support.retention.yard import Yard, image, index

#: Tags of each repository that the policy of a yard deletes, and that it keeps.
GOES, STAYS = ("sha-1", "sha-2"), ("release-1",)


def build_street(yard: Yard, count: int, *, folder: str = "acme") -> list[str]:
    """Make repositories `acme/house-0000`, … with an index and two images each; return their paths, sorted.

    The first one is pushed to the yard's own repository, and copied within the registry's storage.
    """
    yard.put(index("shared"), "release-1")
    yard.put(index("one"), "sha-1")
    yard.put(image("two"), "sha-2")
    root = yard.server.root / "docker/registry/v2/repositories"
    names = [f"{folder}/house-{number:04}" for number in range(count)]
    for name in names:
        shutil.copytree(root / yard.name, root / name)
    return names
