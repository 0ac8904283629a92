"""The releases known from git, the version log and registries, and their union."""

from __future__ import annotations

import msgspec
import pytest

from release.app.releases.known import from_git, from_log_versions, unite
from release.app.releases.known_everywhere import from_registry_tags
from release.git.model import RemoteState, Snapshot
from release.tagging.model import Knowledge, KnownFrom, KnownReleases
from tests.support.releases.statuses import yanked

HEAD = "a" * 40
SNAPSHOT = Snapshot(
    root="/src",
    common_dir="/src/.git",
    head=HEAD,
    branch="main",
    committed_at=0,
    tag_listing=f"{HEAD} refs/tags/v1.0.0\n{HEAD} refs/tags/v1\n{HEAD} refs/tags/api/v2.0.0\n".encode(),
)


def said(known: KnownReleases) -> list[tuple[str, int, str]]:
    return [(str(one.version), one.rebuild, one.source) for one in known.listed]


class TestGit:
    def test_from_git_reads_the_version_tags_that_have_the_given_prefix(self) -> None:
        assert said(from_git(SNAPSHOT)) == [("1.0.0", 0, "git tag")]
        assert said(from_git(SNAPSHOT, "api/")) == [("2.0.0", 0, "git tag")]
        assert said(from_git(SNAPSHOT, "", "none")) == []

    @pytest.mark.parametrize(
        ("changes", "git_tag", "knowledge"),
        [
            ({}, None, "complete"),
            ({}, "v1.0.0", "complete"),
            ({}, "v1.2.0", "partial"),
            ({"shallow": True}, None, "partial"),
            ({"tag_listing": b""}, None, "complete"),
            ({"tag_listing": b"", "remotes": ("origin",)}, None, "partial"),
            ({"tag_listing": b"a refs/tags/nightly\na refs/tags/v1\n", "remotes": ("up",)}, None, "partial"),
            ({"tag_listing": b"a refs/tags/web-v1.0.0\n", "remotes": ("origin",)}, None, "complete"),
        ],
    )
    def test_from_git_is_partial_when_the_clone_may_lack_tags(
        self, changes: dict[str, object], git_tag: str | None, knowledge: Knowledge
    ) -> None:
        snapshot = msgspec.structs.replace(SNAPSHOT, **changes)
        assert from_git(snapshot, git_tag=git_tag).known_from == KnownFrom(git=knowledge)

    @pytest.mark.parametrize(
        ("shallow", "remote", "knowledge"),
        [
            (True, "answered", "complete"),
            (False, "answered", "complete"),
            (True, "refused", "partial"),
            (False, "refused", "partial"),
            (False, "no remote", "complete"),
        ],
    )
    def test_knowledge_from_git_is_partial_if_the_remote_refused_to_list_its_tags(
        self, shallow: bool, remote: RemoteState, knowledge: Knowledge
    ) -> None:
        snapshot = msgspec.structs.replace(SNAPSHOT, shallow=shallow)
        assert from_git(snapshot, remote=remote).known_from.git == knowledge


class TestLog:
    def test_versions_and_rebuilds_are_read_from_the_log_and_other_names_left_out(self) -> None:
        known = from_log_versions(
            [("1.0.0", HEAD), ("1.0.0_r2", HEAD), ("1.1.0+b", None), ("sha-1", HEAD)],
            statuses=yanked(["1.1.0"]),
        )
        assert said(known) == [("1.0.0", 0, "log"), ("1.0.0", 2, "log"), ("1.1.0+b", 0, "log")]
        assert (known.yanked, known.known_from) == (("1.1.0",), KnownFrom(log="complete"))

    def test_from_log_versions_reads_calendar_versions(self) -> None:
        assert said(from_log_versions([("2024.10.03", None)], scheme="calver")) == [("2024.10.03", 0, "log")]


class TestRegistry:
    def test_from_registry_tags_reads_version_tags(self) -> None:
        known = from_registry_tags(["1.0.0", "1.0", "latest", "1.0.0_r1", "1.1.0_b.5", "sha-1", "main"])
        assert said(known) == [
            ("1.0.0", 0, "registry"),
            ("1.0.0", 1, "registry"),
            ("1.1.0+b.5", 0, "registry"),
        ]
        assert known.known_from == KnownFrom(registry="complete")

    def test_knowledge_is_complete_for_an_empty_registry_repository_and_unknown_for_an_unread_one(
        self,
    ) -> None:
        assert from_registry_tags([]).known_from.registry == "complete"
        assert from_registry_tags(None).known_from.registry == "unknown"


class TestTogether:
    @pytest.mark.parametrize(
        ("one", "other", "together"),
        [
            (["1.0.0"], [], "complete"),
            (["1.0.0"], None, "partial"),
            (None, None, "unknown"),
        ],
    )
    def test_unite_rates_registries_by_how_many_answered(
        self, one: list[str] | None, other: list[str] | None, together: Knowledge
    ) -> None:
        assert unite(from_registry_tags(one), from_registry_tags(other)).known_from.registry == together

    def test_unite_leaves_sources_that_were_not_read_as_not_asked(self) -> None:
        assert unite(from_git(SNAPSHOT)).known_from == KnownFrom(git="complete")

    def test_unite_joins_yanked_versions(self) -> None:
        known = unite(
            from_log_versions([], statuses=yanked(["1.1.0"])),
            from_log_versions([], statuses=yanked(["1.0.0", "1.1.0"])),
        )
        assert known.yanked == ("1.0.0", "1.1.0")
