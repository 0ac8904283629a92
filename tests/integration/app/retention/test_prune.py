"""`shipmark prune` on a real registry: what goes, what stays, what is said, recorded, and can be taken back.

`SHIPMARK_TEST_REGISTRY` runs the module on another registry, as `test_traps.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from release.transfer.referrers import attach
from tests.support.programs.command import Shipmark
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.retention.yard import Yard, about, image, index
from tests.support.services.required import require

# distribution 3, in place of docker-registry 2.8.
DELETES_TAGS = bool(os.environ.get("SHIPMARK_TEST_REGISTRY"))


@pytest.fixture
def yard(
    git_repo: GitRepo, shipmark: Shipmark, registry_server: RegistryServer, make_targets: TargetsFactory
) -> Yard:
    """Give a repository in a docker-registry, which deletes digests only and has no referrers API."""
    repository = make_targets().open(f"{registry_server.host}/acme/app")
    return Yard(git_repo, shipmark, repository, registry_server, "acme/app")


def kinds(yard: Yard) -> list[str]:
    return [entry["kind"] for entry in yard.log]


def test_plan_changes_nothing_and_needs_only_read_rights(yard: Yard) -> None:
    yard.put(index("old"), "sha-1")
    yard.put(index("kept"), "release-1")
    before = len(yard.server.access_log())
    done = yard()
    assert done.code == 0, done.stderr
    assert {one.method for one in yard.server.access_log()[before:]} <= {"GET", "HEAD"}
    assert set(yard.tags) == {"sha-1", "release-1"}
    assert yard.log == []
    assert "2 images, 1 would go, 1 stay" in done.stdout
    assert "delete[0] {match: sha-*}" in done.stdout
    plan = yard.plan()
    (repository,) = plan["repositories"]
    assert [len(one["tags"]) for one in repository["deleted"]] == [1, 0, 0]
    assert repository["deleted"][0]["frees"] == plan["frees"] > 0
    assert f"prune --apply {plan['plan'][:12]}" in done.stdout


def test_approved_plan_of_a_registry_that_deletes_nothing_exits_5_and_is_not_recorded(
    git_repo: GitRepo, shipmark: Shipmark, registry_factory: RegistryFactory, make_targets: TargetsFactory
) -> None:
    server = registry_factory(delete=False)
    yard = Yard(git_repo, shipmark, make_targets().open(f"{server.host}/acme/app"), server, "acme/app")
    yard.put(index("old"), "sha-1")
    yard.put(index("kept"), "release-1")
    done = yard("--apply", yard.plan()["plan"])
    assert done.code == 5, done.stderr
    assert "deletes nothing" in done.stderr
    assert set(yard.tags) == {"sha-1", "release-1"}
    assert yard.log == []


def test_traps_leave_every_kept_image_whole_after_a_garbage_collection(yard: Yard, tmp_path: Path) -> None:
    require("skopeo")
    shared, kept, old = yard.put(image("shared")), index("kept"), index("old")
    yard.put(shared, "sha-shared", "release-shared")  # c: one digest, a tag that goes and a tag that stays
    yard.put(kept, "release-index")
    yard.put(kept.children[1], "sha-child")  # e: a child of a kept index has a tag that goes
    yard.put(old, "sha-old")
    yard.put(old.children[0], "release-child")  # a child of an index that goes is kept by a tag of its own
    for subject in (kept, old):  # g: what refers to them follows them
        referrer = yard.put(about(subject))
        attach(yard.repository, referrer.manifest)
    fallback = [tag for tag in yard.tags if tag.startswith("sha256-")]
    assert len(fallback) == 2
    yard.apply()
    left = yard.tags
    alone = () if DELETES_TAGS else ("sha-shared",)  # it stays where a tag does not go alone
    assert set(left) == {
        *("release-shared", "release-index", "sha-child", "release-child", *alone),
        kept.digest.replace(":", "-"),
    }
    assert yard.has(old, old.children[1], about(old)) == [False, False, False]
    assert yard.has(kept, *kept.children, about(kept), old.children[0]) == [True] * 5
    yard.collect_garbage()
    assert yard.pull(tmp_path) == {}
    (last,) = yard.plan()["repositories"]
    assert last["deleted"] == []


@pytest.mark.skipif(DELETES_TAGS, reason="this registry deletes a tag alone")
def test_registry_that_cannot_delete_a_tag_alone_keeps_both_tags_and_is_not_asked_again(yard: Yard) -> None:
    yard.put(image("a"), "sha-a", "release-a")
    report = yard.apply()
    assert set(yard.tags) == {"sha-a", "release-a"}
    assert [step["state"] for step in report["steps"] if step["kind"] == "delete-tag"] == ["withheld"]
    assert yard.log[-1]["tag_deletion"] == "refused"
    (again,) = yard.plan()["repositories"]
    assert (again["untagged"], [one["tag"] for one in again["shared"]]) == ([], ["sha-a"])


def test_deletions_are_recorded_with_their_manifests_and_can_be_undone(yard: Yard, tmp_path: Path) -> None:
    old = yard.put(index("old"), "sha-1", "sha-2")
    yard.put(image("kept"), "release-1")
    before = yard.tags
    report = yard.apply()
    assert kinds(yard) == ["saved-manifest"] * 3 + ["pruned"]
    pruned = yard.log[-1]
    assert pruned["attempt"] == report["run"]
    assert {tag["name"]: tag["before"] for tag in pruned["tags"]} == {
        "sha-1": old.digest,
        "sha-2": old.digest,
    }
    assert set(pruned["digests"]) == {old.digest, *(child.digest for child in old.children)}
    assert set(yard.tags) == {"release-1"}
    undone = yard("undo", report["run"][:10])
    assert undone.code == 0, undone.stderr
    assert yard.tags == before
    assert yard.log[-1]["kind"] == "unpruned"
    assert yard.pull(tmp_path) == {}
    again = yard.apply()
    assert set(yard.tags) == {"release-1"}
    yard.collect_garbage()
    late = yard("undo", again["run"])
    assert late.code in (5, 7)
    assert "cannot be put back" in late.stderr
    assert set(yard.tags) == {"release-1"}


def test_plan_file_executes_what_was_approved_and_nothing_else(yard: Yard) -> None:
    first = yard.put(image("a"), "sha-a")
    assert yard("-o", "plan.json").code == 0
    later = yard.put(image("b"), "sha-b")
    done = yard("--plan", "plan.json", "--json")
    assert done.code == 0, done.stderr
    assert yard.has(first, later) == [False, True]
    assert yard("--plan", "plan.json").code == 0


def test_plan_is_stale_when_a_tag_came_to_an_image_that_it_deletes(yard: Yard) -> None:
    one = yard.put(image("a"), "sha-a")
    plan = yard.plan("-o", "plan.json")["plan"]
    yard.put(one, "release-a")
    for approval in (("--apply", plan), ("--plan", "plan.json")):
        done = yard(*approval)
        assert done.code == 6
        assert "stale" in done.stderr
    assert set(yard.tags) == {"sha-a", "release-a"}
    assert yard.log == []


def test_plan_file_that_was_changed_or_is_of_a_release_is_refused(yard: Yard) -> None:
    yard.put(image("a"), "sha-a")
    yard("-o", "plan.json")
    path = yard.repo.path / "plan.json"
    plan = json.loads(path.read_text())
    path.write_text(json.dumps({**plan, "plan": {**plan["plan"], "basis": {}}}))
    done = yard("--plan", "plan.json")
    assert (done.code, "was changed after it was written" in done.stderr) == (6, True)
    assert "`prune -o`" in done.stderr
    assert set(yard.tags) == {"sha-a"}


def test_rails_refuse_with_exit_6_and_the_numbers(yard: Yard) -> None:
    yard.put(image("a"), "sha-a")
    yard.put(image("b"), "main")
    yard.configure(limits={"min_keep": 2})
    done = yard()
    assert done.code == 6
    assert "1 images of" in done.stderr
    assert "`min_keep` is 2" in done.stderr
    plan = yard.plan()
    assert yard("--apply", plan["plan"]).code == 6
    assert set(yard.tags) == {"sha-a", "main"}


def test_explain_says_which_rule_decides(yard: Yard) -> None:
    yard.put(image("a"), "sha-a")
    yard.put(image("b"), "release-b")
    text = yard("explain", "release-b").stdout
    assert "release-b stays" in text
    assert "keep[0] {match: release-*}" in text
    assert "sha-a goes" in yard("explain", "sha-a").stdout
    assert yard("explain", "sha-a", "--json").json["found"][0]["rule"] == "delete[0] {match: sha-*}"
    missing = yard("explain", "nothing")
    assert (missing.code, "has no tag `nothing`" in missing.stderr) == (5, True)


def test_images_of_unknown_age_stay_and_the_policy_that_would_help_is_named(yard: Yard) -> None:
    yard.put(image("a"), "sha-a")
    yard.configure(delete=[{"match": "sha-*", "older_than": "30d"}])
    done = yard()
    assert (done.code, "nothing to delete" in done.stdout) == (0, True)
    assert "1 stay although a rule matches: nobody knows their age" in done.stdout
    assert "`age: created`" in yard("explain", "sha-a").stdout


def test_repositories_of_a_file_are_pruned_in_one_plan(yard: Yard) -> None:
    yard.put(image("a"), "sha-a")
    yard.repo.write({"repositories.txt": f"# ours\n{yard.repository.name}\n{yard.server.host}/acme/none\n"})
    plan = yard.plan("--repositories", "repositories.txt")
    assert [(one["images"], len(one["deleted"])) for one in plan["repositories"]] == [(1, 1), (0, 0)]


def test_what_is_in_use_stays_and_a_source_that_fails_refuses(yard: Yard) -> None:
    used, free = yard.put(index("used"), "sha-used"), yard.put(image("free"), "sha-free")
    name = yard.repository.name
    listed = f"\ufeff# what runs\n{name}@{used.children[0].digest}\nnginx:1.25\n{name}:sha-fre\n"
    yard.repo.write({"in-use.txt": listed})
    yard.configure(in_use=[{"file": "in-use.txt"}])
    planned = yard("--json")
    (report,) = planned.json["repositories"]
    assert (
        f"file `in-use.txt` names `{name}:sha-fre`, which is not there: it keeps no image" in planned.stderr
    )
    # The index stays with all of its platforms, although only one of them runs.
    assert {one["digest"] for one in report["deleted"]} == {free.digest}
    for source in ({"file": "nothing.txt"}, {"command": ["false"]}, {"command": ["no-such-program"]}):
        yard.configure(in_use=[{"file": "in-use.txt"}, source])
        done = yard()
        assert done.code == 6
        assert "what is in use is not known, so nothing is deleted" in done.stderr
        assert "`retention.in_use[1]`" in done.stderr


WRONG: tuple[tuple[tuple[str, ...], Any, int, str], ...] = (
    ((), {"image": "IMAGE"}, 2, "no policy says what may be deleted"),
    ((), {"retention": {"delete": [{"match": "x"}]}}, 2, "no image whose repository could be pruned"),
    (("--policy", "none.yml"), {"image": "IMAGE"}, 2, "`none.yml` does not exist"),
    (("--apply", "xyz"), None, 2, "is not the hash of a plan"),
    (("--apply", "0" * 64), None, 6, "is stale"),
    (("--plan", "none.json"), None, 2, "`none.json` does not exist"),
    (("undo", "feed"), None, 5, "has no prune `feed`"),
    (("exlain", "x"), None, 2, "did you mean `explain`?"),
)


def test_wrong_input_is_told_with_its_code(yard: Yard) -> None:
    for args, config, code, says in WRONG:
        yard.configure()
        if config is not None:
            text = json.dumps(config).replace("IMAGE", yard.repository.name)
            yard.repo.write({"shipmark.yml": text})
        done = yard(*args)
        assert (done.code, says in done.stderr) == (code, True), f"{args}: {done.stderr}"


def test_prune_is_refused_in_a_run_that_is_not_trusted(yard: Yard) -> None:
    event = {
        "pull_request": {"head": {"repo": {"full_name": "evil/app"}}},
        "repository": {"full_name": "acme/app"},
    }
    yard.repo.write({"event.json": json.dumps(event)})
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(yard.repo.path / "event.json"),
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_REF": "refs/pull/7/merge",
    }
    done = yard(env=env)
    assert (done.code, "this run is not trusted" in done.stderr) == (6, True)


def test_prune_refuses_if_the_log_has_lost_entries_that_could_say_what_is_deployed(yard: Yard) -> None:
    yard.put(index("old"), "sha-1")
    approved = yard.plan()["plan"]
    for given in ({"SHIPMARK_LOG_ANCHOR": f"9:{'0' * 64}"}, {"SHIPMARK_LOG_ANCHOR": f"0:{'0' * 64}"}):
        for args in ((), ("--apply", approved)):
            done = yard(*args, env=given)
            assert (done.code, "(`SHIPMARK_LOG_ANCHOR`)\n" in done.stderr) == (6, True), done.stderr
    assert yard("--apply", approved, env={"SHIPMARK_LOG_ANCHOR": "9"}).code == 2
    assert (set(yard.tags), yard.log) == ({"sha-1"}, [])
