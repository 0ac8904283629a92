"""Which tags and manifests a prune deletes, and what it says about each."""

from __future__ import annotations

from typing import Any

import pytest

from release.retention.decide import UNFINISHED, decide
from release.retention.decision import Decision
from release.retention.explain import Explanation, explain
from release.retention.rails import Freed, refusals, way_out
from release.retention.snapshot import HeldManifest, HeldTag, History, InUse, LoggedRelease
from tests.support.retention.model import DAY, NOW, REPOSITORY, Registry, digest, name_of, policy

OLD = NOW - 200 * DAY
EVERYTHING = 'delete: [{match: "*"}, {untagged: true}]\n'


def image(name: str, *, pushed: int | None = OLD, **more: Any) -> HeldManifest:
    return HeldManifest(digest=digest(name), pushed=pushed, size=10, **more)


def tagged(**tags: str) -> dict[str, str]:
    return {name.replace("_", "-"): digest(held) for name, held in tags.items()}


def run(
    text: str, registry: Registry, *, in_use: InUse | None = None, history: History | None = None
) -> Decision:
    return decide(policy(text), registry.inventory(), in_use or InUse(), history or History())


def deleted(decision: Decision) -> list[str]:
    return sorted(name_of(one.digest) for one in decision.deletions)


def versions(*names: str, **more: Any) -> Registry:
    return Registry([image(name) for name in names], {name: digest(name) for name in names}, **more)


def test_a_rule_deletes_only_what_it_matches_and_what_is_old_enough() -> None:
    registry = Registry(
        [image("a"), image("b", pushed=NOW - DAY * 5), image("c")], tagged(sha_a="a", sha_b="b", main="c")
    )
    assert deleted(run('delete: [{match: "sha-*", older_than: 30d}]', registry)) == ["a"]


def test_keep_wins_over_delete() -> None:
    registry = versions("sha-a", "release-1")
    text = EVERYTHING + 'keep: [{match: "release-*"}]'
    decision = run(text, registry)
    assert deleted(decision) == ["sha-a"]
    assert decision.tags["release-1"].rule == "keep[0] {match: release-*}"


def test_newest_counts_versions_per_minor_and_prereleases_apart() -> None:
    registry = versions("1.4.0", "1.4.1", "1.4.2", "1.4.3-rc.1", "1.4.3-rc.2", "1.5.0", "2.0.0")
    decision = run(EVERYTHING + "keep: [{semver: true, newest: 1, per: minor}]", registry)
    assert deleted(decision) == ["1.4.0", "1.4.1", "1.4.3-rc.1"]


def test_image_that_an_index_lists_under_a_type_of_its_own_stays_with_the_index() -> None:
    registry = Registry(
        [image("a"), image("b"), image("i", children=(digest("b"),), blobs=((digest("a"), 10),))],
        tagged(sha_a="a", release_1="i"),
    )
    assert deleted(run(EVERYTHING + 'keep: [{match: "release-*"}]', registry)) == []
    in_use = InUse(digests={digest("a"): "cluster"})
    assert deleted(run(EVERYTHING, registry, in_use=in_use)) == []


def test_rebuild_of_a_version_takes_no_place_of_its_own() -> None:
    registry = versions("1.4.0", "1.4.1", "1.4.1_r1", "1.4.1_r2")
    assert deleted(run(EVERYTHING + "keep: [{semver: true, newest: 1}]", registry)) == ["1.4.0"]


def test_newest_by_push_keeps_what_has_no_time_and_takes_no_place_for_it() -> None:
    registry = Registry(
        [image("a", pushed=OLD), image("b", pushed=OLD + DAY), image("c", pushed=None)],
        tagged(sha_a="a", sha_b="b", sha_c="c"),
    )
    text = 'delete: [{match: "sha-*", older_than: 1d}]\nkeep: [{match: "sha-*", newest: 1, by: pushed}]'
    assert deleted(run(text, registry)) == ["a"]


def test_newest_keeps_an_image_of_unknown_age_that_has_several_tags() -> None:
    registry = Registry([image("a", pushed=None), image("b")], tagged(rel_a="a", rel_b="a", rel_c="b"))
    assert deleted(run(EVERYTHING + 'keep: [{match: "rel-*", newest: 2}]', registry)) == []


def test_parts_of_an_index_and_signatures_take_no_place_of_newest() -> None:
    parts = [image("p1"), image("p2")]
    index = image("index", children=(digest("p1"), digest("p2")))
    registry = Registry(
        [*parts, index, image("other"), image("sig", subject=digest("index"))],
        tagged(sha_1="index", sha_2="other"),
    )
    assert deleted(run('delete: [{match: "*"}]\nkeep: [{match: "sha-*", newest: 2}]', registry)) == []


@pytest.mark.parametrize("tag", ["latest", "1", "1.4", "v1"])
def test_moving_tag_goes_only_if_a_rule_spells_it_out(tag: str) -> None:
    registry = Registry([image("a")], {tag: digest("a")})
    assert deleted(run(EVERYTHING, registry)) == []
    assert deleted(run(f'delete: [{{match: "{tag}"}}]', registry)) == ["a"]


def test_immutable_tag_and_the_status_of_versions_stay() -> None:
    registry = Registry([image("a"), image("s")], {"2024.1": digest("a"), "shipmark-status": digest("s")})
    assert deleted(run(EVERYTHING + 'immutable: ["[0-9]*.*"]', registry)) == []


def test_digest_with_one_kept_tag_stays_and_only_the_other_tag_goes() -> None:
    tags = tagged(sha_a="a", release_1="a")
    text = EVERYTHING + 'keep: [{match: "release-*"}]'
    decision = run(text, Registry([image("a")], tags))
    assert (deleted(decision), [one.tag for one in decision.untags]) == ([], ["sha-a"])
    decision = run(text, Registry([image("a")], tags, deletes_tags=False))
    assert (decision.untags, [one.tag for one in decision.shared]) == ((), ["sha-a"])


@pytest.mark.parametrize("keep", ["", 'keep: [{match: "v1-a"}]'], ids=["no rule", "a rule for one tag"])
@pytest.mark.parametrize("why", ["a signature", "a part", "in use"])
def test_a_digest_that_something_else_keeps_keeps_its_tags(why: str, keep: str) -> None:
    # A rule that keeps one of its tags must not let the other go.
    tags = tagged(v1_a="a", v1_b="a", main="b")
    if why == "a signature":
        tags[f"{digest('b').replace(':', '-')}.sig"] = digest("a")
    top = image("b", children=(digest("a"),) if why == "a part" else ())
    used = InUse(digests={digest("a"): "prod"}) if why == "in use" else None
    decision = run('delete: [{match: "v1-*"}]\n' + keep, Registry([image("a"), top], tags), in_use=used)
    assert (deleted(decision), decision.untags) == ([], ())


def test_child_of_a_kept_index_stays_and_that_of_a_deleted_one_goes_after_it() -> None:
    manifests = [
        image("shared"),
        image("own"),
        image("kept", children=(digest("shared"),)),
        image("old", children=(digest("shared"), digest("own"))),
    ]
    registry = Registry(manifests, tagged(release_1="kept", sha_a="old"))
    decision = run(EVERYTHING + 'keep: [{match: "release-*"}]', registry)
    assert [one.digest for one in decision.deletions] == [digest("old"), digest("own")]
    assert decision.deletions[1].because == digest("old")


def test_referrers_fallback_tags_and_tags_of_cosign_follow_their_subject() -> None:
    about = digest("a")
    manifests = [
        image("a"),
        image("sig", subject=about),
        image("sbom", subject=digest("sig")),
        image("list", children=(digest("sig"),)),
        image("cosign"),
    ]
    attached = {about.replace(":", "-"): digest("list"), about.replace(":", "-") + ".att": digest("cosign")}
    registry = Registry(manifests, {"sha-a": about, **attached})
    decision = run(EVERYTHING, registry)
    assert deleted(decision) == ["a", "cosign", "list", "sbom", "sig"]
    order = [one.digest for one in decision.deletions]
    assert order[0] == about
    assert order.index(digest("list")) < order.index(digest("sig")) < order.index(digest("sbom"))
    kept = run(EVERYTHING + 'keep: [{match: "sha-*"}]', registry)
    assert kept.is_empty


def test_signature_whose_subject_is_unknown_stays_until_a_prune_deleted_the_subject() -> None:
    registry = Registry([image("sig", subject=digest("gone"))])
    assert deleted(run(EVERYTHING, registry)) == []
    decision = run(EVERYTHING, registry, history=History(pruned=frozenset({digest("gone")})))
    assert [one.rule for one in decision.deletions] == [UNFINISHED]
    assert refusals(policy(EVERYTHING).limits, registry.inventory(), decision) == ()


def test_untagged_image_goes_by_its_own_rule_only() -> None:
    registry = Registry([image("a"), image("young", pushed=NOW - DAY * 2)])
    assert deleted(run('delete: [{match: "*"}]', registry)) == []
    assert deleted(run("delete: [{untagged: true, older_than: 7d}]", registry)) == ["a"]


def test_what_is_younger_than_grace_or_of_unknown_age_stays() -> None:
    registry = Registry(
        [image("a", pushed=NOW - DAY // 2), image("b", pushed=None), image("c")],
        tagged(pr_1="a", pr_2="b", pr_3="c"),
    )
    registry.moved = {"pr-3": NOW - DAY // 2}
    decision = run('delete: [{match: "pr-*"}]', registry)
    assert deleted(decision) == []
    assert "younger than `grace`" in decision.kept[digest("c")].reason
    assert "is not known" in decision.kept[digest("b")].reason
    assert deleted(run('delete: [{match: "pr-*"}]\ngrace: 0s', registry)) == ["a", "b", "c"]


def test_a_pull_makes_an_image_younger() -> None:
    registry = Registry([image("a", pulled=NOW - DAY)], tagged(sha_a="a"))
    assert deleted(run('delete: [{match: "sha-*", older_than: 30d}]', registry)) == []


def test_a_tag_that_was_moved_outside_of_the_log_is_of_unknown_age() -> None:
    registry = Registry([image("a")], tagged(main="a"))
    history = History(set_at={"main": (digest("b"), OLD)})
    decision = run("delete: [{match: main, older_than: 1d}]", registry, history=history)
    assert deleted(decision) == []
    assert "the tag was moved" in decision.tags["main"].reason


def test_in_use_deployed_and_logged_images_stay_with_their_parts() -> None:
    def registry() -> Registry:
        return Registry([image("part"), image("i", children=(digest("part"),))], tagged(sha_a="i"))

    for in_use, history, text in (
        (InUse(digests={digest("i"): "cluster"}), History(), ""),
        (InUse(tags={"sha-a": "cluster"}), History(), ""),
        (InUse(), History(deployed={digest("i"): "production"}), "keep: [{deployed: true}]"),
        (
            InUse(),
            History(
                releases=(LoggedRelease(digest=digest("i"), channel="r", component="a", name="n", seq=1),)
            ),
            "keep: [{log: {newest: 1}}]",
        ),
    ):
        assert run(EVERYTHING + text, registry(), in_use=in_use, history=history).is_empty
    assert run(EVERYTHING, registry(), in_use=InUse(digests={digest("part"): "cluster"})).is_empty


def test_log_window_counts_each_channel_and_component_apart() -> None:
    registry = versions("sha-a", "sha-b", "sha-c", "sha-d")
    entries = [
        ("sha-a", "release", "x"),
        ("sha-b", "branch", "x"),
        ("sha-c", "branch", "x"),
        ("sha-d", "branch", "y"),
    ]
    releases = tuple(
        LoggedRelease(digest=digest(name), channel=channel, component=component, name=name, seq=at)
        for at, (name, channel, component) in enumerate(entries)
    )
    decision = run(
        EVERYTHING + "keep: [{log: {newest: 1, per: channel}}]", registry, history=History(releases=releases)
    )
    assert deleted(decision) == ["sha-b"]


def said(name: str, text: str, registry: Registry) -> Explanation:
    found = explain(name, registry.inventory(), run(text, registry))
    assert found is not None
    return found


def test_explain_names_the_rule_and_what_would_have_to_change() -> None:
    registry = Registry([image("a"), image("b")], tagged(sha_a="a", latest="b", release_1="b", sha_b="b"))
    text = 'delete: [{match: "sha-*", older_than: 300d}, {match: "*"}]\nkeep: [{match: "release-*"}]'
    gone = said("sha-a", text, registry)
    assert (gone.verdict, gone.rule) == ("delete", "delete[1] {match: *}")
    latest = said("latest", text, registry)
    assert latest.verdict == "keep"
    assert latest.change == "a rule of `delete` would have to name it without wildcards: `match: latest`"
    loose = said("sha-b", text, registry)
    assert (loose.verdict, loose.shares) == ("untag", ("latest", "release-1"))
    young = said("sha-a", 'delete: [{match: "sha-*", older_than: 300d}]', registry)
    assert (
        young.reason == "200d old (pushed), `delete[0] {match: sha-*, older_than: 300d}` deletes it in 100d"
    )
    assert explain("nothing", registry.inventory(), run(text, registry)) is None


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (
            "{max_delete: 2, max_fraction: 1, min_keep: 0}",
            "3 images of r.example/acme/app would go, `max_delete` is 2",
        ),
        (
            "{max_fraction: 0.5, min_keep: 0}",
            "3 of 4 images of r.example/acme/app would go, 75%; `max_fraction` is 0.5",
        ),
        ("{max_fraction: 1, min_keep: 2}", "1 images of r.example/acme/app would remain, `min_keep` is 2"),
        ("{max_delete: 3, max_fraction: 0.75, min_keep: 1}", None),
    ],
)
def test_rails_refuse_with_the_numbers(limits: str, says: str | None) -> None:
    registry = versions("sha-a", "sha-b", "sha-c", "main")
    rules = policy(f'delete: [{{match: "sha-*"}}]\nlimits: {limits}')
    held = registry.inventory()
    decision = decide(rules, held, InUse(), History())
    assert refusals(rules.limits, held, decision) == (() if says is None else (says,))


def test_rails_refuse_what_was_not_read_completely_and_a_wrong_clock() -> None:
    rules = policy(EVERYTHING + "limits: {max_fraction: 1, min_keep: 0}")
    held = versions("sha-a").inventory()
    decision = decide(rules, held, InUse(), History())
    unread = type(held)(
        **{
            **{name: getattr(held, name) for name in held.__struct_fields__},
            "tags": (*held.tags, HeldTag(name="odd", fault="it is no image")),
        }
    )
    assert refusals(rules.limits, unread, decision) == (
        f"not everything in {REPOSITORY} could be read: `{REPOSITORY}:odd`: it is no image",
    )
    late = versions("sha-a").inventory(now=OLD - DAY)
    (clock,) = refusals(rules.limits, late, decision)
    assert "lies 86400 s in the future" in clock
    (unclear,) = refusals(rules.limits, unread, decision)
    assert "retention.limits" in way_out("5 images of x would go, `max_delete` is 1")
    assert "delete it in the registry" in way_out(unclear)
    assert "clock" in way_out(clock)


def test_freed_bytes_do_not_count_blobs_that_something_else_needs() -> None:
    registry = Registry(
        [
            image("a", blobs=((digest("x"), 100), (digest("y"), 1000))),
            image("b", blobs=((digest("x"), 100),)),
            image("c", blobs=((digest("y"), 1000), (digest("z"), 5))),
        ]
    )
    freed = Freed(registry.inventory())
    assert freed.bytes([digest("a"), digest("c")]) == 1025
    assert (freed.bytes([digest("a")]), freed.bytes([digest("c")])) == (10, 15)
