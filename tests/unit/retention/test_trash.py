"""Names in a trash repository, and which of its images a prune empties."""

from __future__ import annotations

import pytest

from release.app.retention.gather import whole_match
from release.app.retention.trash import trash_of
from release.config.retention import RetentionSection, TrashSection
from release.errors import ConfigError
from release.oci.grammar import is_tag
from release.retention.decide import decide
from release.retention.policy import policy_of
from release.retention.snapshot import HeldManifest, HeldTag, History, InUse, Inventory
from release.retention.trash import emptying, key, key_of, put_at, trash_tag, with_times
from tests.support.retention.model import DAY, NOW, digest

SECOND = 1000


@pytest.mark.parametrize(
    "path", ["app", "acme/app", "a/" * 120 + "app", "acme/app.web-ui__x"], ids=["one", "two", "long", "odd"]
)
def test_name_tells_when_an_image_was_put_there_and_from_where(path: str) -> None:
    name = trash_tag(digest("a"), path, at=NOW)
    assert is_tag(name)
    assert put_at(name) == NOW // SECOND * SECOND
    assert key_of(name) == key(digest("a"), path)
    assert key_of(name) not in (key(digest("b"), path), key(digest("a"), f"{path}x"))


@pytest.mark.parametrize(
    "name", ["latest", "20261399T131500Z_3f2a9c1b7d40e5f6_app", "20261129T131500Z_short_app"]
)
def test_other_names_tell_no_time(name: str) -> None:
    assert put_at(name) is None


def test_emptying_takes_what_was_put_there_long_ago_with_its_parts_and_nothing_else() -> None:
    old = [
        HeldManifest(digest=digest("old"), children=(digest("child"),)),
        HeldManifest(digest=digest("child")),
    ]
    new = [HeldManifest(digest=digest("new")), HeldManifest(digest=digest("shared"))]
    names = {
        trash_tag(digest("old"), "acme/app", at=NOW - 15 * DAY): "old",
        trash_tag(digest("child"), "acme/app", at=NOW - 15 * DAY + SECOND): "child",
        trash_tag(digest("new"), "acme/app", at=NOW - 13 * DAY): "new",
        trash_tag(digest("shared"), "acme/app", at=NOW - 15 * DAY): "shared",
        trash_tag(digest("shared"), "acme/other", at=NOW - DAY): "shared",
        "mine": "mine",
    }
    inventory = Inventory(
        repository="r.example/acme/trash",
        tags=tuple(HeldTag(name=name, digest=digest(held)) for name, held in names.items()),
        # A registry that tells times tells the one of the copy: the name's counts.
        manifests={
            one.digest: one
            for one in (*old, *new, HeldManifest(digest=digest("mine"), pushed=NOW - 99 * DAY))
        },
        now=NOW,
        deletes_tags=False,
    )
    policy = policy_of(emptying("14d"), compile_pattern=whole_match, where="trash")
    decision = decide(policy, with_times(inventory), InUse(), History())
    assert [one.digest for one in decision.deletions] == [digest("old"), digest("child")]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("acme/trash", "r.example/acme/trash"),
        ("trash", "r.example/trash"),
        ("r.example/acme/trash", "r.example/acme/trash"),
    ],
)
def test_trash_is_in_the_registry_of_the_repository(given: str, name: str) -> None:
    found = trash_of("r.example/acme/app", RetentionSection(trash=given), project="app", where="shipmark.yml")
    assert found is not None
    assert (found.name, found.keep) == (name, "14d")


@pytest.mark.parametrize(
    ("trash", "says"),
    [
        ("ghcr.io/acme/trash", "is not in `r.example`"),
        (TrashSection(repository="acme/trash", keep="soon"), "`soon` is not a span of time"),
        ("Acme/Trash", "Acme/Trash"),
    ],
    ids=["elsewhere", "keep", "name"],
)
def test_trash_that_cannot_be_one_is_an_error(trash: str | TrashSection, says: str) -> None:
    section = RetentionSection(trash=trash)
    with pytest.raises(ConfigError, match=says) as caught:
        trash_of("r.example/acme/app", section, project="app", where="shipmark.yml")
    assert caught.value.hint
