"""How many tags stay for which reason."""

from __future__ import annotations

from release.retention.decide import decide
from release.retention.kept import kept_tags
from release.retention.snapshot import HeldManifest, History, InUse
from tests.support.retention.model import DAY, NOW, Registry, digest, policy

_POLICY = """
delete: [{match: "sha-*", older_than: 30d}, {match: "pr-*"}]
keep: [{match: "release-*"}]
immutable: ["9.*"]
grace: 24h
"""


def test_tags_that_stay_are_counted_by_what_keeps_them() -> None:
    ages = {"old": 200, "young": 0, "five": 5}
    manifests = [HeldManifest(digest=digest(name), pushed=NOW - DAY * age) for name, age in ages.items()]
    manifests += [HeldManifest(digest=digest("unknown"))]
    held = {
        "release-1": "old",
        "release-2": "five",
        "pr-shared": "old",  # on one image with a tag that stays
        "sha-waits": "five",
        "pr-young": "young",
        "sha-unknown": "unknown",
        "9.0": "five",
        "latest": "five",
        "main": "five",
        "pr-used": "five",
    }
    registry = Registry(manifests, {name: digest(at) for name, at in held.items()}, deletes_tags=False)
    used = InUse(digests={}, tags={"pr-used": "file `x`"})
    assert kept_tags(decide(policy(_POLICY), registry.inventory(), used, History())) == {
        "keep[0] {match: release-*}": 2,
        "immutable": 1,
        "in use": 1,
        "moving tag": 1,
        "no rule of `delete` matches": 1,
        "not old enough for delete[0] {match: sha-*, older_than: 30d}": 1,
        "of unknown age": 1,
        "on one image with a tag that stays": 1,
        "younger than `grace`": 1,
    }
