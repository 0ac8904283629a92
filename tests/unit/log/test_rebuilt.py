"""Which releases the images of a repository are, by their tags, labels, statements and git tags."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from release.app.log.rebuild import _valid
from release.canonical_json import canonical
from release.log.rebuilt.facts import joined
from release.log.rebuilt.identify import Origin, ReadImage, identify
from release.log.records.parts import RecordedImage, RecordedPlatform
from release.plan.release_key import release_key
from release.statements.release_statement import Attested, ReadStatement, read_statement
from release.versions.git_tags import versions_in
from release.versions.status import KnownStatus

ONE, TWO = "1" * 40, "2" * 40
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
GIT = f"{ONE} refs/tags/v1.4.2\n{TWO} refs/tags/v2.0.0\n".encode()
ORIGIN = Origin(project="acme/app", component="app", scheme="semver", git_tags=versions_in(GIT))


def labels(version: str, commit: str = ONE) -> dict[str, str]:
    return {"org.opencontainers.image.revision": commit, "org.opencontainers.image.version": version}


def image(
    *tags: str, said: Mapping[str, str], digest: str = DIGEST, statements: tuple[ReadStatement, ...] = ()
) -> ReadImage:
    return ReadImage(
        target="ghcr.io/acme/app",
        required=True,
        image=RecordedImage(digest=digest),
        labels=said,
        tags=tags,
        statements=statements,
    )


def statement(
    *tags: str, project: str = "acme/app", commit: str = ONE, key: str = "", digest: str = DIGEST
) -> ReadStatement:
    """A statement as a registry has it, written and read."""
    attested = Attested(
        key=key or release_key(project, commit, tags[0]),
        project=project,
        commit=commit,
        version="1.4.2",
        target="ghcr.io/acme/app",
        digest=digest,
        tags=tags,
        anchor=f"7:{'c' * 64}",
    )
    read = read_statement(canonical(attested.statement), "sha256:" + "d" * 64)
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("tags", "said", "expected"),
    [
        (("1.4.2",), labels("1.4.2"), [("1.4.2", 0, "release", "v1.4.2", ("1.4.2",), ())]),
        (
            ("1.4.2_r1", "1.4", "latest"),
            labels("1.4.2"),
            [("1.4.2", 1, "release", "v1.4.2", ("1.4.2_r1",), ("1.4", "latest"))],
        ),
        (("1.5.0-rc.1",), labels("1.5.0-rc.1"), [("1.5.0-rc.1", 0, "prerelease", "", ("1.5.0-rc.1",), ())]),
        (
            ("sha-111111111111", "main"),
            labels("1.4.3-dev.1.g1"),
            [("1.4.3-dev.1.g1", 0, "branch", "", ("sha-111111111111",), ("main",))],
        ),
        (
            ("pr-7-111111111111", "pr-7"),
            labels("1.4.3-dev.1.g1"),
            [("1.4.3-dev.1.g1", 0, "pull-request", "", ("pr-7-111111111111",), ("pr-7",))],
        ),
        # A second fixed tag of the release: the image was built as 1.4.2.
        (
            ("1.4.2", "sha-1111111"),
            labels("1.4.2"),
            [("1.4.2", 0, "release", "v1.4.2", ("1.4.2", "sha-1111111"), ())],
        ),
        (("1.0.0_a_r1",), labels("1.0.0+a"), [("1.0.0+a", 1, "release", "", ("1.0.0_a_r1",), ())]),
    ],
    ids=["version", "rebuild", "prerelease", "branch", "request", "second-tag", "build-metadata"],
)
def test_release_is_found_by_its_fixed_tags(
    tags: tuple[str, ...], said: Mapping[str, str], expected: list[object]
) -> None:
    found, left = identify(image(*tags, said=said), ORIGIN)
    assert left == ()
    assert [
        (one.version, one.rebuild, one.channel, one.git_tag, one.fixed, one.moving) for one in found
    ] == expected
    assert [one.key for one in found] == [release_key("acme/app", ONE, found[0].fixed[0])]


@pytest.mark.parametrize(
    ("tags", "said", "reason"),
    [
        (("1.4.2",), {}, "its image has no label `org.opencontainers.image.revision` with a whole commit id"),
        (("1.4.2",), labels("1.4.2", "1234567"), "with a whole commit id"),
        (("2.0.0",), labels("2.0.0"), "its image says commit 111111111111, and git tag `v2.0.0` names"),
        (("1.4.9",), labels("1.4.2"), "its image says version 1.4.2"),
        (("sha-222222222222",), labels("1.4.2"), "its image says commit 111111111111"),
        (("buildcache",), labels("1.4.2"), "no other tag of its image names a release"),
    ],
    ids=["no-label", "short-commit", "other-commit", "other-version", "other-sha", "no-fixed-tag"],
)
def test_tag_whose_release_is_not_known_for_sure_is_left_out(
    tags: tuple[str, ...], said: Mapping[str, str], reason: str
) -> None:
    found, left = identify(image(*tags, said=said), ORIGIN)
    assert found == ()
    assert [one.tag for one in left] == list(tags)
    assert reason in left[0].reason


@pytest.mark.parametrize("any_labels", [False, True])
def test_somebody_who_vouches_for_an_image_names_its_commit_by_the_git_tag(any_labels: bool) -> None:
    platform = RecordedPlatform(platform="linux/amd64", digest=DIGEST)
    vouched = msgspec.structs.replace(ORIGIN, vouched="made by hand", any_labels=any_labels)

    def found(
        *tags: str, said: Mapping[str, str], platforms: tuple[RecordedPlatform, ...] = (platform,)
    ) -> list[str]:
        recorded = RecordedImage(digest=DIGEST, platforms=platforms)
        read = msgspec.structs.replace(image(*tags, said=said), image=recorded)
        return [
            f"{one.commit[:1]} {','.join(one.fixed)} {one.as_commit}" for one in identify(read, vouched)[0]
        ]

    assert found("1.4.2", "sha-111111111111", said={}) == ["1 1.4.2,sha-111111111111 True"]
    # Labels of another commit, as those of a base image, need a tag that is named.
    assert found("2.0.0", said=labels("2.0.0")) == (["2 2.0.0 True"] if any_labels else [])
    assert found("1.4.2", said=labels("1.4.2")) == ["1 1.4.2 False"]
    assert found("3.0.0", said={}) == []  # no git tag
    assert found("1.4.2", said={}, platforms=()) == []  # an empty index


def test_release_statement_shows_the_release_of_an_image_without_labels() -> None:
    tags = ("1.4.2", "stable-1.4.2")
    found, left = identify(image("1.4.2", "latest", said={}, statements=(statement(*tags),)), ORIGIN)
    assert left == ()
    assert [(one.key, one.commit, one.moving) for one in found] == [
        (release_key("acme/app", ONE, "1.4.2"), ONE, ("latest",))
    ]
    assert "the release statement sha256:ddd" in found[0].evidence


@pytest.mark.parametrize(
    "told",
    [
        statement("1.4.2", project="evil/app"),
        statement("1.4.2", key="e" * 64),
        statement("1.4.2", digest=OTHER),
        statement("1.4.2", commit="--output=x"),
    ],
    ids=["project", "key", "image", "commit"],
)
def test_release_statement_that_contradicts_itself_or_its_image_shows_nothing(told: ReadStatement) -> None:
    found, left = identify(image("1.4.2", said={}, statements=(told,)), ORIGIN)
    assert found == ()
    assert "has no label" in left[0].reason


def test_release_statement_about_another_commit_than_the_git_tag_is_refused() -> None:
    told = statement("2.0.0")
    found, left = identify(image("2.0.0", said=labels("2.0.0", TWO), statements=(told,)), ORIGIN)
    assert found == ()
    assert "and git tag `v2.0.0` names 222222222222" in left[0].reason


def test_second_target_with_another_image_is_left_out() -> None:
    first, _ = identify(image("1.4.2", said=labels("1.4.2")), ORIGIN)
    second, _ = identify(image("1.4.2", "latest", said=labels("1.4.2"), digest=OTHER), ORIGIN)
    releases, left = joined([*first, *second])
    assert [one.first.image.image.digest for one in releases] == [DIGEST]
    assert {(one.tag, one.digest) for one in left} == {("1.4.2", OTHER), ("latest", OTHER)}


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"_type": 1}', b"[" * 10_000])
def test_document_that_is_not_a_release_statement_is_skipped(payload: bytes) -> None:
    assert read_statement(payload, DIGEST) is None


def test_a_status_that_two_tags_say_is_found_at_the_first_of_them() -> None:
    """`merged` completes a status by members of an equal one, and returns neither of the two."""
    plain = KnownStatus(version="1.4.2", commit="a" * 40, number=1, status="yanked", reason="bad")
    whole = msgspec.structs.replace(plain, before="prerelease")
    ((one, where),) = _valid([(plain, "first"), (whole, "second")])
    assert (one.version, one.before, where) == ("1.4.2", "prerelease", "first")
