"""The guard, which decides whether a moving tag may move to an image."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.tagging.guard import Keep, Move, Refuse, Withhold, judge, needs_relation
from release.tagging.line_releases import highest
from release.tagging.model import Candidate, Held, KnownFrom, KnownReleases, KnownVersion, Line
from release.versions.git_tags import versions_in
from release.versions.model import Version
from release.versions.semver import parse, precedence_key

HEAD = "a" * 40
OLD = "b" * 40
NEW = "c" * 40

LATEST = Line(kind="release")
ONE = Line(kind="release", major=1)
ONE_FOUR = Line(kind="release", major=1, minor=4)
RC = Line(kind="release", channel="rc")
BETA = Line(kind="release", channel="beta")
MAIN = Line(kind="branch", name="main")
REQUEST = Line(kind="pull-request", number=7)


def known(*released: str, yanked: tuple[str, ...] = (), known_from: KnownFrom | None = None) -> KnownReleases:
    """Return known releases from texts: `1.4.2` or `1.4.2@<commit>`, with `_rN` for a rebuild."""
    versions = []
    for text in released:
        name, _, commit = text.partition("@")
        name, _, rebuild = name.partition("_r")
        versions.append(
            KnownVersion(version=parse(name), source="log", commit=commit or None, rebuild=int(rebuild or 0))
        )
    return KnownReleases(
        versions=tuple(versions), yanked=yanked, known_from=known_from or KnownFrom(git="complete")
    )


def boxed(*versions: str, released: tuple[str, ...] = ()) -> KnownReleases:
    """Return known releases, of which `versions` have the pre-release box set on the release page."""
    return msgspec.structs.replace(known(*versions, *released), prereleases=versions)


def candidate(version: str, rebuild: int = 0) -> Candidate:
    return Candidate(commit=HEAD, version=parse(version), rebuild=rebuild)


def held(**fields: object) -> Held:
    return Held(**{"target": "r.example/app", "tag": "main", "state": "held"} | fields)  # type: ignore[arg-type]  # fields of Held


RELEASES = [
    ("the first release moves everything", LATEST, "1.0.0", known(), Move),
    ("a higher release moves latest", LATEST, "1.4.2", known("1.4.1", "1.3.9"), Move),
    ("precedence is not text order", LATEST, "1.10.0", known("1.9.0"), Move),
    ("a backport does not move latest", LATEST, "1.3.9", known("1.4.2"), Withhold),
    ("a backport does not move its major", ONE, "1.3.9", known("1.4.2"), Withhold),
    ("a backport moves its minor", Line(kind="release", major=1, minor=3), "1.3.9", known("1.4.2", "1.3.8"), Move),
    ("a backport after 2.0.0 moves its major", ONE, "1.3.9", known("2.0.0", "1.3.8"), Move),
    ("another major does not count", ONE_FOUR, "1.4.0", known("2.4.9"), Move),
    ("a version with the pre-release box moves nothing", LATEST, "1.5.0", boxed("1.5.0"), Withhold),
    ("such a version does not hold latest", LATEST, "1.4.3", boxed("1.5.0", released=("1.4.2",)), Move),
    ("such a version does not hold its major", ONE, "1.4.3", boxed("1.5.0"), Move),
    ("a version with the box follows no channel", RC, "1.5.0", boxed("1.5.0"), Withhold),
    ("a prerelease moves nothing", LATEST, "2.0.0-rc.1", known("1.0.0"), Withhold),
    ("a known prerelease does not hold latest", LATEST, "1.9.0", known("2.0.0-rc.1"), Move),
    ("a prerelease moves its channel", RC, "2.0.0-rc.2", known("2.0.0-rc.1", "1.9.0"), Move),
    ("an older prerelease does not move its channel", RC, "2.0.0-rc.1", known("2.0.0-rc.2"), Withhold),
    ("another channel's prerelease does not hold it", RC, "2.0.0-rc.1", known("2.0.0-snap.1"), Move),
    ("a prerelease does not move another channel", BETA, "2.0.0-rc.2", known(), Withhold),
    ("a prerelease below the stable release stays", RC, "2.0.0-rc.3", known("2.0.0"), Withhold),
    ("the same version and commit is allowed", LATEST, "1.4.2", known(f"1.4.2@{HEAD}"), Move),
    ("the same version of unknown commit is allowed", LATEST, "1.4.2", known("1.4.2"), Move),
    ("the same version from another commit is refused", LATEST, "1.4.2", known(f"1.4.2@{OLD}"), Refuse),
    ("equal precedence from another commit stays", LATEST, "1.4.2+b", known(f"1.4.2+a@{OLD}"), Withhold),
    ("a version that was taken back does not hold latest", LATEST, "1.4.2", known("1.4.3", yanked=("1.4.3",)), Move),
    ("a version that was taken back moves nothing", LATEST, "1.4.3", known("1.4.2", yanked=("1.4.3",)), Withhold),
    ("an older build does not replace a rebuild", LATEST, "1.4.2", known(f"1.4.2_r1@{HEAD}"), Withhold),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "version", "releases", "expected"), [row[1:] for row in RELEASES], ids=[r[0] for r in RELEASES]
)
def test_moving_tag_of_a_release_line_moves_or_is_withheld_as_in_the_table(
    line: Line, version: str, releases: KnownReleases, expected: type
) -> None:
    verdict = judge(line, candidate(version), releases)
    assert isinstance(verdict, expected), verdict
    assert not isinstance(verdict, Withhold) or verdict.rightly


@pytest.mark.parametrize(
    ("version", "shown", "relation", "expected"),
    [
        ("1.4.2+b", "1.4.2+a", "ancestor", Move),
        ("1.4.2+a", "1.4.2+b", "descendant", Withhold),
        ("1.4.2+a", "1.4.2", "diverged", Withhold),
        ("1.4.2", "1.4.2+b", "unknown", Withhold),
        ("1.4.2+b", "1.4.2+a", "same", Move),
        ("1.4.2+a", "1.4.1+b", "descendant", Move),
    ],
)
def test_moving_tag_follows_the_history_between_versions_of_equal_precedence(
    version: str, shown: str, relation: str, expected: type
) -> None:
    holds = held(version=shown, revision=OLD, relation=relation)
    assert isinstance(judge(LATEST, candidate(version), known("1.4.2+a", "1.4.2+b"), holds), expected)
    assert needs_relation(LATEST, candidate(version), holds) == ("1.4.1" not in shown)


def test_rebuild_may_move_latest_from_earlier_but_not_from_later_rebuilds() -> None:
    releases = known(f"1.4.2@{HEAD}", f"1.4.2_r1@{HEAD}")
    assert isinstance(judge(LATEST, candidate("1.4.2", rebuild=2), releases), Move)
    assert isinstance(judge(LATEST, candidate("1.4.2", rebuild=1), known(f"1.4.2_r2@{HEAD}")), Withhold)


def test_yanking_a_rebuild_leaves_its_version_but_yanking_a_version_yanks_its_rebuilds() -> None:
    rebuilds = (f"1.4.2@{HEAD}", f"1.4.2_r1@{HEAD}")
    assert isinstance(judge(LATEST, candidate("1.4.2"), known(*rebuilds, yanked=("1.4.2_r1",))), Move)
    verdict = judge(LATEST, candidate("1.4.2", rebuild=2), known(*rebuilds, yanked=("1.4.2",)))
    assert verdict == Withhold(reason="1.4.2 was taken back")
    assert highest(LATEST, known(*rebuilds, "1.4.1", yanked=("1.4.2",))) == known("1.4.1").versions[0]


@pytest.mark.parametrize(
    "known_from",
    [
        KnownFrom(git="partial"),
        KnownFrom(git="unknown"),
        KnownFrom(git="complete", log="unknown"),
        KnownFrom(git="complete", registry="unknown"),
        KnownFrom(git="complete", registry="partial"),
    ],
)
def test_moving_tag_is_withheld_as_a_fault_if_a_source_of_releases_is_incomplete(
    known_from: KnownFrom,
) -> None:
    verdict = judge(LATEST, candidate("1.4.2"), known("1.4.1", known_from=known_from))
    assert isinstance(verdict, Withhold)
    assert not verdict.rightly


def test_reason_of_a_verdict_names_the_higher_release_or_the_release_line() -> None:
    releases = known("1.4.2", "1.4.1", "1.5.0")
    assert judge(ONE, candidate("1.4.2"), releases) == Withhold(reason="1.5.0 is higher")
    assert judge(ONE_FOUR, candidate("1.4.2"), releases) == Move(
        reason="1.4.2 is the highest stable 1.4 release of 2 known"
    )
    assert judge(LATEST, candidate("1.5.1"), releases) == Move(
        reason="1.5.1 is the highest stable release of 4 known"
    )


def test_reason_of_a_verdict_names_the_branch_pull_request_or_channel() -> None:
    head = Candidate(commit=HEAD)
    assert judge(MAIN, head, known()) == Move(reason="build of branch `main`")
    assert judge(REQUEST, head, known()) == Move(reason="build of request 7")
    shown = held(revision=NEW, relation="descendant")
    assert judge(MAIN, head, known(), shown) == Withhold(reason=f"it holds `{NEW[:12]}`, which is newer")
    gone_on = judge(MAIN, head, known(), branch_tip=NEW)
    assert gone_on == Withhold(reason=f"branch `main` is at `{NEW[:12]}` on the remote, not at this commit")
    channel = judge(RC, candidate("2.0.0-rc.1"), known())
    assert channel == Move(reason="2.0.0-rc.1 is the highest stable or `rc` release of 1 known")


class TestHeldImage:
    def test_moving_tag_is_withheld_if_its_image_has_a_higher_version_label(self) -> None:
        shown = held(tag="latest", version="2.0.0", revision=OLD)
        assert isinstance(judge(LATEST, candidate("1.4.2"), known(), shown), Withhold)

    @pytest.mark.parametrize("label", ["22.04", "", None, "2.0.0-rc.1", "1.4.1"])
    def test_moving_tag_moves_if_the_version_label_of_its_image_is_lower_or_not_a_stable_version(
        self, label: str | None
    ) -> None:
        assert isinstance(judge(LATEST, candidate("1.4.2"), known(), held(tag="latest", version=label)), Move)

    def test_moving_tag_moves_if_the_version_label_of_its_image_is_of_another_release_line(self) -> None:
        assert isinstance(judge(ONE, candidate("1.4.2"), known(), held(tag="1", version="2.0.0")), Move)

    def test_moving_tag_moves_if_the_version_label_of_its_image_is_yanked(self) -> None:
        shown = held(tag="latest", version="2.0.0")
        assert isinstance(judge(LATEST, candidate("1.4.2"), known(yanked=("2.0.0",)), shown), Move)

    def test_moving_tag_that_points_to_the_version_and_commit_to_release_is_kept(self) -> None:
        shown = held(tag="latest", version="1.4.2", revision=HEAD)
        assert isinstance(judge(LATEST, candidate("1.4.2"), known("1.4.2"), shown), Keep)

    @pytest.mark.parametrize(("version", "revision"), [("1.4.2", OLD), ("1.4.1", HEAD), ("1.4.2", None)])
    def test_moving_tag_moves_if_its_image_has_another_version_or_commit_label(
        self, version: str, revision: str | None
    ) -> None:
        shown = held(tag="latest", version=version, revision=revision)
        assert isinstance(judge(LATEST, candidate("1.4.2"), known("1.4.2"), shown), Move)

    def test_moving_tag_is_withheld_as_a_fault_if_its_image_is_unreadable(self) -> None:
        verdict = judge(LATEST, candidate("1.4.2"), known(), held(state="unknown", cause="503"))
        assert verdict == Withhold(reason="what `r.example/app` holds is unknown: 503", rightly=False)


COMMITS = [
    ("nothing is held", MAIN, held(state="free"), None, Move),
    ("no target was asked", MAIN, None, None, Move),
    ("an ancestor is held", MAIN, held(revision=OLD, relation="ancestor"), HEAD, Move),
    ("this commit is held", MAIN, held(revision=HEAD, relation="same"), HEAD, Keep),
    ("a descendant is held", MAIN, held(revision=NEW, relation="descendant"), None, Withhold),
    ("the branch was reset to an ancestor", MAIN, held(revision=NEW, relation="descendant"), HEAD, Withhold),
    ("the branch was amended", MAIN, held(revision=OLD, relation="diverged"), HEAD, Move),
    ("the branch went on over the held commit", MAIN, held(revision=OLD, relation="ancestor"), NEW, Move),
    ("an ancestor is held and no remote answers", MAIN, held(revision=OLD, relation="ancestor"), None, Move),
    ("the branch was amended and went on", MAIN, held(revision=OLD, relation="diverged"), NEW, Withhold),
    ("the branch went on; the held commit is in no clone", MAIN, held(revision=OLD, relation="unknown"), NEW, Withhold),
    ("the image does not say its commit but this is the tip", MAIN, held(), HEAD, Move),
    ("the branch went on and nothing is held", MAIN, held(state="free"), NEW, Withhold),
    ("the held commit is in no clone but this is the tip", MAIN, held(revision=OLD, relation="unknown"), HEAD, Move),
    ("a later build of a request", REQUEST, held(revision=OLD, relation="unknown"), None, Move),
    ("an earlier build of a request", REQUEST, held(revision=NEW, relation="descendant"), None, Withhold),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "now", "tip", "expected"), [row[1:] for row in COMMITS], ids=[r[0] for r in COMMITS]
)
def test_moving_tag_of_a_branch_or_pull_request_moves_or_is_withheld_as_in_the_table(
    line: Line, now: Held | None, tip: str | None, expected: type
) -> None:
    verdict = judge(line, Candidate(commit=HEAD), known(), now, branch_tip=tip)
    assert isinstance(verdict, expected), verdict
    assert not isinstance(verdict, Withhold) or verdict.rightly


@pytest.mark.parametrize(
    ("now", "lacks"),
    [
        (held(revision=OLD, relation="unknown"), "history"),
        (held(revision=OLD, relation="diverged"), "tip"),
        (held(), "tip"),
    ],
)
def test_branch_tag_is_withheld_and_the_missing_history_or_branch_tip_named(now: Held, lacks: str) -> None:
    verdict = judge(MAIN, Candidate(commit=HEAD), known(), now)
    assert isinstance(verdict, Withhold)
    assert (verdict.rightly, verdict.lacks) == (False, lacks)


def test_rebuild_of_the_same_commit_moves_the_branch_tag() -> None:
    shown = held(revision=HEAD, relation="same")
    assert isinstance(judge(MAIN, Candidate(commit=HEAD, rebuild=1), known(), shown), Move)


class TestBackward:
    def test_allow_backward_moves_a_tag_below_a_higher_release(self) -> None:
        verdict = judge(LATEST, candidate("1.3.9"), known("1.4.2"), allow_backward=True)
        assert verdict == Move(reason="moved back as asked, although 1.4.2 is higher")

    def test_allow_backward_does_not_override_a_refusal_or_a_fault(self) -> None:
        assert isinstance(
            judge(LATEST, candidate("1.4.2"), known(f"1.4.2@{OLD}"), allow_backward=True), Refuse
        )
        releases = known("1.4.1", known_from=KnownFrom(git="unknown"))
        assert isinstance(judge(LATEST, candidate("1.4.2"), releases, allow_backward=True), Withhold)


stable = st.builds(Version, major=st.integers(0, 2), minor=st.integers(0, 2), patch=st.integers(0, 3))
anything = st.builds(
    Version,
    major=st.integers(0, 2),
    minor=st.integers(0, 2),
    patch=st.integers(0, 3),
    prerelease=st.sampled_from(["", "", "rc.1", "rc.2", "beta.1"]),
)
lines = st.sampled_from(
    [LATEST, ONE, ONE_FOUR, RC, Line(kind="release", major=0), Line(kind="release", major=2, minor=1)]
)


class TestNeverBackwards:
    """Moving tags after any sequence of releases, with versions yanked in between."""

    @given(
        lines,
        st.lists(
            st.tuples(st.sampled_from(["release", "release", "release", "yank"]), anything), max_size=30
        ),
    )
    def test_moving_tag_is_at_the_highest_version_that_is_not_yanked(
        self, line: Line, events: list[tuple[str, Version]]
    ) -> None:
        released: dict[Version, None] = {}
        yanked: set[str] = set()
        tag: Version | None = None
        for what, version in events:
            releases = self.releases(released, yanked)
            if what == "yank":
                if version in released:
                    yanked.add(str(version))
                    # After a yank, a rollback moves the tag to the highest version that is left.
                    top = highest(line, self.releases(released, yanked))
                    tag = tag if top is None else top.version
                continue
            verdict = judge(line, Candidate(commit=HEAD, version=version), releases)
            released[version] = None
            if isinstance(verdict, Move | Keep):
                if tag is not None and str(tag) not in yanked:
                    assert precedence_key(version) >= precedence_key(tag)
                tag = version
            top = highest(line, self.releases(released, yanked))
            assert top is None or top.version == tag

    @given(lines, st.lists(anything, max_size=12), st.lists(anything, max_size=4), st.data())
    def test_version_tag_of_git_counts_as_a_listed_release_does(
        self, line: Line, tags: list[Version], logged: list[Version], data: st.DataObject
    ) -> None:
        listing = "".join(f"{OLD} refs/tags/v{version}\n" for version in tags)
        out = tuple(str(one) for one in (*tags, *logged) if data.draw(st.booleans()))
        of_git = KnownReleases(
            versions=tuple(KnownVersion(version=one, source="log", commit=HEAD) for one in logged),
            tagged=(versions_in(listing.encode()),),
            yanked=out,
            known_from=KnownFrom(git="complete"),
        )
        as_listed = msgspec.structs.replace(of_git, versions=of_git.listed, tagged=())
        new = Candidate(commit=HEAD, version=data.draw(anything))
        assert judge(line, new, of_git) == judge(line, new, as_listed)
        assert highest(line, of_git) == highest(line, as_listed)

    @given(
        lines,
        st.permutations(
            [parse(text) for text in ("0.1.0", "1.4.0", "1.4.1", "1.5.0", "2.1.0", "2.0.3", "1.4.2-rc.1")]
        ),
    )
    def test_moving_tag_ends_at_the_highest_version_for_any_order_of_releases(
        self, line: Line, order: list[Version]
    ) -> None:
        released: dict[Version, None] = {}
        tag: Version | None = None
        for version in order:
            if isinstance(
                judge(line, Candidate(commit=HEAD, version=version), self.releases(released, set())), Move
            ):
                tag = version
            released[version] = None
        top = highest(line, self.releases(released, set()))
        assert tag == (None if top is None else top.version)

    @staticmethod
    def releases(released: dict[Version, None], yanked: set[str]) -> KnownReleases:
        return KnownReleases(
            versions=tuple(KnownVersion(version=version, source="log", commit=HEAD) for version in released),
            yanked=tuple(sorted(yanked)),
            known_from=KnownFrom(git="complete", log="complete", registry="complete"),
        )
