"""Releases in any order, from any branch, some of them yanked: the versions that moving tags end at.

The model of a project has git tags and a registry's tags. Each decision is made from the tags before it, and is then
carried out. The model checks the invariant only, and does not repeat the guard's rules.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.context import CiContext
from release.app.releases.known import from_git, from_log_versions, unite
from release.app.releases.known_everywhere import from_registry_tags
from release.errors import TagConflict
from release.facts import Facts, reconcile
from release.git.model import Snapshot
from release.tagging.decide import decide
from release.tagging.model import Decision, MovingTag, TagPolicy
from release.tagging.names import is_image_tag
from release.versions.model import Version
from release.versions.semver import image_tag_of, parse, precedence_key
from tests.support.releases.statuses import yanked

POLICY = TagPolicy(channels=("rc",))


class Project:
    """A git repository and a registry. `git_tags`: name -> commit. `tags`: image tag -> version of its image."""

    def __init__(self) -> None:
        self.git_tags: dict[str, str] = {}
        self.tags: dict[str, Version] = {}
        self.released: dict[str, str] = {}
        self.yanked: set[str] = set()

    def facts(self, commit: str, branch: str) -> Facts:
        lines = "".join(f"{one} refs/tags/{name}\n" for name, one in sorted(self.git_tags.items()))
        snapshot = Snapshot(
            root="/src",
            common_dir="/src/.git",
            head=commit,
            branch=branch,
            committed_at=0,
            tag_listing=lines.encode(),
            commit_count=1,
        )
        return reconcile(snapshot, CiContext(), 0)

    def decide(self, commit: str, branch: str, rebuild: int = 0) -> Decision:
        facts = self.facts(commit, branch)
        known = unite(
            from_git(facts.snapshot),
            from_log_versions(self.released.items(), statuses=yanked(self.yanked)),
            from_registry_tags(self.tags),
        )
        return decide(facts, POLICY, known, rebuild=rebuild)

    def release(self, version: Version, commit: str, branch: str, rebuild: int) -> None:
        """Tag `commit`, decide, and set the decided tags; asserts that no tag moves to a lower version."""
        self.git_tags.setdefault(f"v{version}", commit)
        decision = self.decide(commit, branch, rebuild)
        for tag in decision.tags:
            assert is_image_tag(tag.name)
            if isinstance(tag, MovingTag):
                self.require_forward(tag.name, version)
            self.tags[tag.name] = version
        self.released[image_tag_of(version, rebuild)] = commit

    def require_forward(self, tag: str, version: Version) -> None:
        before = self.tags.get(tag)
        if before is not None and str(before) not in self.yanked:
            assert precedence_key(before) <= precedence_key(version), (tag, before, version)


versions = st.builds(
    Version,
    major=st.integers(0, 2),
    minor=st.integers(0, 1),
    patch=st.integers(0, 2),
    prerelease=st.sampled_from(["", "", "", "rc.1", "rc.2", "beta.1"]),
)
events = st.tuples(
    st.sampled_from(["release", "release", "release", "release", "again", "rebuild", "yank"]),
    versions,
    st.sampled_from(["main", "1.x", "feature/y"]),
)


@settings(max_examples=150)
@given(st.lists(events, max_size=25))
def test_moving_tags_do_not_go_back_in_any_history_of_releases(
    history: list[tuple[str, Version, str]],
) -> None:
    project = Project()
    for number, (what, version, branch) in enumerate(history):
        name = f"v{version}"
        known = name in project.git_tags
        if what == "yank":
            if known:
                project.yanked.add(str(version))
            continue
        if what == "release" and known:
            continue  # a second commit cannot take the name
        if what != "release" and not known:
            continue
        commit = project.git_tags.get(name, f"{number:040x}")
        project.release(version, commit, branch, rebuild=1 if what == "rebuild" else 0)


@given(st.lists(versions, unique=True, min_size=1, max_size=12), st.randoms())
def test_moving_tags_of_all_releases_do_not_depend_on_the_order_of_releases(
    all_versions: list[Version], random: object
) -> None:
    ends = []
    for _ in range(2):
        project = Project()
        shuffled = sorted(all_versions, key=lambda _: random.random())  # type: ignore[attr-defined]  # a Random
        for version in shuffled:
            project.release(version, f"{all_versions.index(version):040x}", "main", 0)
        moving = (
            {"latest", "rc"}
            | {f"{v.major}" for v in all_versions}
            | {f"{v.major}.{v.minor}" for v in all_versions}
        )
        ends.append({tag: version for tag, version in project.tags.items() if tag in moving})
    assert ends[0] == ends[1]


def test_version_released_from_a_second_commit_is_refused_even_after_its_git_tag_moved() -> None:
    project = Project()
    project.release(parse("1.0.0"), "1" * 40, "main", 0)
    project.git_tags["v1.0.0"] = "2" * 40
    with pytest.raises(TagConflict) as caught:
        project.decide("2" * 40, "main")
    assert "1" * 40 in caught.value.message
    assert "2" * 40 in caught.value.message
