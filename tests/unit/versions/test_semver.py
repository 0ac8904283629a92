"""Parsing, comparing and writing of SemVer versions and version tags."""

from __future__ import annotations

from itertools import pairwise

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from release.versions.git_tags import versions_in
from release.versions.model import Version
from release.versions.semver import (
    image_tag_of,
    off_tag_version,
    parse,
    parse_tag_name,
    precedence_key,
    version_of_image_tag,
)

COMMIT = "3f2a9c1b7d40" + "0" * 28
OTHER = "a" * 40

identifiers = st.from_regex(r"(0|[1-9][0-9]{0,3}|[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,4})", fullmatch=True)
numbers = st.integers(0, 10**12)
versions = st.builds(
    Version,
    major=numbers,
    minor=numbers,
    patch=numbers,
    prerelease=st.lists(identifiers, max_size=4).map(".".join),
    build_metadata=st.lists(st.from_regex(r"[0-9a-zA-Z-]{1,5}", fullmatch=True), max_size=3).map(".".join),
)


class TestParse:
    @given(versions)
    def test_written_semver_version_is_parsed_to_an_equal_one(self, version: Version) -> None:
        assert parse(str(version)) == version

    @given(versions)
    def test_semver_library_accepts_versions_as_shipmark_writes_them(self, version: Version) -> None:
        assert str(semver.Version.parse(str(version))) == str(version)

    @given(st.text(alphabet="0123.-+abZé٣\n ", max_size=14))
    def test_any_text_is_parsed_as_by_the_semver_library(self, text: str) -> None:
        try:
            parse(text)
        except ValueError:
            assert not semver.Version.is_valid(text)
        else:
            assert semver.Version.is_valid(text)

    @pytest.mark.parametrize(
        "text", ["", "1", "1.2", "v1.2.3", "1.2.3\n", "01.2.3", "1.2.3-01", "1.2.3+", "٣.1.1"]
    )
    def test_text_that_is_not_wholly_a_semver_version_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="not a SemVer version"):
            parse(text)

    def test_version_number_of_thousands_of_digits_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not a SemVer version"):
            parse(f"1.2.{'9' * 5000}")


class TestPrecedence:
    @given(versions, versions)
    def test_precedence_of_versions_is_that_of_the_semver_library(self, one: Version, other: Version) -> None:
        ours = (precedence_key(one) > precedence_key(other)) - (precedence_key(one) < precedence_key(other))
        assert ours == semver.Version.parse(str(one)).compare(str(other))

    @pytest.mark.parametrize(
        "ascending",
        [
            ["1.4.2", "1.4.3-dev.1.gf", "1.4.3-dev.5.g0", "1.4.3-dev.10.g0", "1.4.3"],
            ["1.5.0-rc.1", "1.5.0-rc.1.dev.2.g0", "1.5.0-rc.1.dev.11.g0", "1.5.0-rc.2", "1.5.0"],
            ["0.0.0-dev.3.gf", "0.0.0-dev.20.g0", "0.0.1", "0.9.0", "0.10.0"],
        ],
    )
    def test_versions_of_untagged_commits_sort_between_their_neighbours(self, ascending: list[str]) -> None:
        keys = [precedence_key(parse(text)) for text in ascending]
        assert all(lower < higher for lower, higher in pairwise(keys))


class TestOffTag:
    @pytest.mark.parametrize(
        ("base", "distance", "expected"),
        [
            ("1.4.2", 5, "1.4.3-dev.5.g3f2a9c1b7d40"),
            ("1.5.0-rc.1", 5, "1.5.0-rc.1.dev.5.g3f2a9c1b7d40"),
            ("1.4.2+build.7", 1, "1.4.3-dev.1.g3f2a9c1b7d40"),
            (None, 12, "0.0.0-dev.12.g3f2a9c1b7d40"),
        ],
    )
    def test_version_of_an_untagged_commit_has_base_distance_and_commit(
        self, base: str | None, distance: int, expected: str
    ) -> None:
        assert str(off_tag_version(parse(base) if base else None, distance, COMMIT)) == expected

    @given(versions, st.integers(1, 10**6), st.from_regex("[0-9a-f]{40}", fullmatch=True))
    def test_version_of_an_untagged_commit_is_valid_and_higher_than_its_base(
        self, base: Version, distance: int, commit: str
    ) -> None:
        version = off_tag_version(base, distance, commit)
        assert precedence_key(version) > precedence_key(base)
        assert semver.Version.is_valid(str(version))


class TestTagNames:
    @pytest.mark.parametrize(
        ("name", "prefix", "expected"),
        [
            ("v1.2.3", "", "1.2.3"),
            ("1.2.3", "", "1.2.3"),
            ("api/v1.2.3", "api/", "1.2.3"),
            ("api-1.2.3-rc.1", "api-", "1.2.3-rc.1"),
            ("v1.2.3+build.5", "", "1.2.3+build.5"),
            ("v1", "", None),
            ("v1.2", "", None),
            ("V1.2.3", "", None),
            ("vv1.2.3", "", None),
            ("api/v1.2.3", "", None),
            ("v1.2.3", "api/", None),
            ("release-v1.2.3", "", None),
            ("v1.2.3-", "", None),
        ],
    )
    def test_git_tag_is_a_version_only_if_it_consists_of_prefix_and_version(
        self, name: str, prefix: str, expected: str | None
    ) -> None:
        version = parse_tag_name(name, prefix)
        assert (None if version is None else str(version)) == expected


def listing(*lines: tuple[str, str]) -> bytes:
    return "".join(f"{commit} refs/tags/{name}\n" for commit, name in lines).encode()


class TestListing:
    def test_peeled_line_of_an_annotated_tag_gives_the_commit(self) -> None:
        found = versions_in(listing((OTHER, "v1.0.0"), (COMMIT, "v1.0.0^{}")))
        assert [(tag.git_tag, tag.commit) for tag in found.tags] == [("v1.0.0", COMMIT)]

    def test_annotated_and_lightweight_tags_are_both_found(self) -> None:
        found = versions_in(listing((OTHER, "v1.1.0-rc.1"), (COMMIT, "v1.1.0-rc.1^{}"), (COMMIT, "v1.1.0")))
        assert [tag.git_tag for tag in found.at(COMMIT)] == ["v1.1.0", "v1.1.0-rc.1"]

    def test_git_tags_that_are_not_versions_are_counted_once_without_floating_tags_such_as_v1(self) -> None:
        found = versions_in(
            listing(
                (OTHER, "v1.0.0"),
                (OTHER, "vNOT-A-VERSION"),
                (COMMIT, "vNOT-A-VERSION^{}"),
                (OTHER, "v1"),
                (OTHER, "v1.2"),
                (OTHER, "v1.2.0"),
                (OTHER, "v1.3"),  # no version 1.3.x: not a moving tag
                (OTHER, "web/v3.0.0"),
                (OTHER, "nightly"),
            )
        )
        assert (found.odd_count, found.odd_examples) == (3, ("vNOT-A-VERSION", "nightly", "v1.3"))

    def test_only_git_tags_with_the_prefix_are_read(self) -> None:
        found = versions_in(listing((OTHER, "v9.0.0"), (OTHER, "api/v1.0.0"), (OTHER, "api/x")), "api/")
        assert ([tag.git_tag for tag in found.tags], found.odd_examples) == (["api/v1.0.0"], ("api/x",))

    def test_branches_in_the_listing_of_refs_are_not_version_tags(self) -> None:
        assert versions_in(f"{OTHER} refs/heads/v1.0.0\n".encode()).tags == ()

    def test_highest_version_tag_is_found_by_precedence(self) -> None:
        found = versions_in(listing((OTHER, "v1.9.0"), (OTHER, "v1.10.0"), (OTHER, "v1.10.0-rc.1")))
        assert found.highest is not None
        assert found.highest.git_tag == "v1.10.0"

    @pytest.mark.parametrize(
        ("names", "highest"),
        [
            (["v2.0.0-rc.2", "v2.0.0-rc.10", "v2.0.0-rc.9"], "v2.0.0-rc.10"),
            (["v2.0.0-rc.1", "v1.9.0"], "v2.0.0-rc.1"),
            (["v2.0.0", "v2.0.0-rc.1"], "v2.0.0"),
            (["nightly"], None),
        ],
    )
    def test_highest_version_tag_may_be_a_prerelease(self, names: list[str], highest: str | None) -> None:
        found = versions_in(listing(*((OTHER, name) for name in names))).highest
        assert (found and found.git_tag) == highest

    def test_git_tags_that_are_not_versions_are_found_neither_by_commit_nor_by_name(self) -> None:
        found = versions_in(listing((COMMIT, "nightly"), (COMMIT, "v1.0.0"), (COMMIT, "web/v2.0.0")))
        assert [tag.git_tag for tag in found.at(COMMIT)] == ["v1.0.0"]
        assert (found.named("nightly"), found.named("v9.9.9")) == (None, None)
        assert [tag.git_tag for tag in found.tags] == ["v1.0.0"]

    def test_commit_id_inside_a_git_tag_name_does_not_match_that_commit(self) -> None:
        found = versions_in(listing((OTHER, f"x{COMMIT}"), (OTHER, "v1.0.0")))
        assert found.at(COMMIT) == ()

    def test_git_tags_with_and_without_v_name_one_version(self) -> None:
        found = versions_in(listing((OTHER, "1.0.0"), (COMMIT, "v1.0.0")))
        assert [(tag.git_tag, tag.commit) for tag in found.of(parse("1.0.0"))] == [
            ("v1.0.0", COMMIT),
            ("1.0.0", OTHER),
        ]
        assert found.of(parse("2.0.0")) == ()

    def test_filtered_version_tags_contain_only_those_with_a_chosen_version(self) -> None:
        found = versions_in(listing((OTHER, "v1.0.0"), (OTHER, "v2.0.0-rc.1"), (COMMIT, "v1.5.0")))
        stable = found.where(lambda version: version.is_stable)
        assert [tag.git_tag for tag in stable.tags] == ["v1.0.0", "v1.5.0"]
        assert stable.highest is not None
        assert stable.highest.git_tag == "v1.5.0"

    def test_git_tags_with_invalid_utf8_or_thousands_of_digits_do_not_hide_others(self) -> None:
        raw = (
            listing((OTHER, "v1.0.0"), (OTHER, f"v1.2.{'9' * 5000}")) + OTHER.encode() + b" refs/tags/v\xff\n"
        )
        found = versions_in(raw)
        assert ([tag.git_tag for tag in found.tags], found.odd_count) == (["v1.0.0"], 2)

    @given(
        st.lists(
            st.from_regex(r"(api/)?v?[0-2]{0,2}(\.[01]{0,2}){0,3}(-rc|\+b|x)?", fullmatch=True), unique=True
        )
    )
    def test_names_are_read_together_as_each_is_read_alone(self, names: list[str]) -> None:
        own = [name for name in names if name and "/" not in name]
        alone = {name: version for name in own if (version := parse_tag_name(name)) is not None}
        found = versions_in(listing(*((OTHER, name) for name in names if name)))
        assert sorted(map(str, found.versions)) == sorted(map(str, alone.values()))
        assert {tag.git_tag: tag.version for tag in found.tags} == alone
        assert not set(found.odd) & alone.keys()
        stable = [precedence_key(version) for version in alone.values() if version.is_stable]
        assert (found.highest_stable and precedence_key(found.highest_stable)) == max(stable, default=None)
        tops = [precedence_key(version) for version in alone.values()]
        assert (found.highest and precedence_key(found.highest.version)) == max(tops, default=None)

    def test_number_that_is_too_long_for_a_version_is_odd_beside_versions(self) -> None:
        long = f"v1.{'9' * 260}.0"
        found = versions_in(listing((OTHER, "v1.0.0"), (OTHER, long), (OTHER, f"v2.{'9' * 240}.0")))
        assert (len(found.versions), found.odd) == (2, (long,))

    @given(st.lists(versions, unique=True))
    def test_every_version_written_as_a_git_tag_is_found(self, written: list[Version]) -> None:
        found = versions_in(listing(*((OTHER, f"v{version}") for version in written)))
        assert {tag.version for tag in found.tags} == set(written)


class TestImageTags:
    @pytest.mark.parametrize(
        ("version", "rebuild", "expected"),
        [("1.4.2", 0, "1.4.2"), ("1.4.2", 1, "1.4.2_r1"), ("1.4.2+build.5", 0, "1.4.2_build.5")],
    )
    def test_plus_in_a_version_becomes_underscore_in_the_image_tag(
        self, version: str, rebuild: int, expected: str
    ) -> None:
        assert image_tag_of(parse(version), rebuild) == expected

    @given(versions.filter(lambda version: "_" not in str(version)), st.integers(0, 99))
    def test_version_is_read_back_from_its_image_tag(self, version: Version, rebuild: int) -> None:
        read = version_of_image_tag(image_tag_of(version, rebuild))
        # `1.4.2+r1` and the first rebuild of `1.4.2` make the same tag; the tag is parsed as the rebuild.
        if rebuild == 0 and version.build_metadata.startswith("r") and version.build_metadata[1:].isdecimal():
            return
        assert read == (version, rebuild)

    @pytest.mark.parametrize(
        "tag", ["latest", "1.4", "sha-3f2a9c1b7d40", "v1.4.2", "1.4.2_", "main", "1.4.2_r1_x_y"]
    )
    def test_image_tags_that_are_not_full_versions_give_no_version(self, tag: str) -> None:
        assert version_of_image_tag(tag) is None
