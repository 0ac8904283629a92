"""`shipmark prune --repositories` with patterns and files of names: one plan for many repositories of a registry."""

from __future__ import annotations

import json

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.retention.street import GOES, STAYS, build_street
from tests.support.retention.yard import POLICY, Yard

_HOUSES = 30


@pytest.fixture
def yard(git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory) -> Yard:
    """Give a repository behind a gate, which the pattern of the tests does not match."""
    repository = make_targets().open(f"{gate.host}/corner/app")
    return Yard(git_repo, shipmark, repository, gate.registry, "corner/app")


def denied(repository: str, passage: Passage) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """Refuse the list of tags of one repository."""
    if passage.path.startswith(f"/v2/{repository}/tags/list"):
        return 403, [("Content-Type", "application/json")], b'{"errors": [{"code": "DENIED"}]}'
    return None


def test_approved_plan_of_a_pattern_is_executed_in_all_its_repositories(yard: Yard, gate: Gate) -> None:
    names = build_street(yard, _HOUSES)
    street = ("--repositories", f"{gate.host}/acme/*")
    # One repository that cannot be read makes the whole plan refuse, and is named; the others are shown.
    gate.instead = lambda passage: denied(names[3], passage)
    refused = yard(*street)
    assert refused.code == 6, refused.stderr
    assert f"1 of 30 repositories could not be read: `{gate.host}/{names[3]}`" in refused.stderr
    assert f"{gate.host}/{names[3]}: not read" in refused.stdout
    assert "30 repositories, of which 1 could not be read: 87 images, 58 would go, 29 stay" in refused.stdout
    gate.instead = lambda passage: None
    report = yard.plan(*street, "-o", "plan.json")
    assert [one["repository"] for one in report["repositories"]] == [f"{gate.host}/{name}" for name in names]
    assert report["totals"] == {
        "repositories": _HOUSES,
        "unread": 0,
        "images": 3 * _HOUSES,
        "deleted": 2 * _HOUSES,
        "kept": _HOUSES,
        "emptied": 0,
    }
    assert report["repositories"][0]["stays"] == {"keep[0] {match: release-*}": 1}
    # A plan file is executed in its own repositories alone, without a new list of them.
    asked: list[str] = []
    gate.before = lambda passage: asked.append(passage.path)
    wrong = yard("--plan", "plan.json")
    assert wrong.code == 2
    assert "and 29 more repositories, which this command does not prune" in wrong.stderr
    done = yard(*street, "--plan", "plan.json")
    assert done.code == 0, done.stderr
    assert not [path for path in asked if "_catalog" in path]
    assert "30 repositories: 90 images, 60 approved for deletion, 30 stay" in done.stdout
    assert [set(yard.server.tags(name)) for name in names] == [set(STAYS)] * _HOUSES
    assert set(yard.tags) == {*GOES, *STAYS}
    assert len({entry["attempt"] for entry in yard.log if entry["kind"] == "pruned"}) == 1
    quiet = yard(*street)
    assert quiet.stdout.splitlines()[-2:] == [
        "30 repositories: 30 images, 0 would go, 30 stay",
        "nothing to delete",
    ]


def test_rails_hold_for_each_repository_of_a_plan_on_its_own(yard: Yard, gate: Gate) -> None:
    names = build_street(yard, 3)
    yard.server.add_tags(names[1], yard.server.tags(names[1])["sha-1"], ["release-2"])
    yard.configure(limits={"min_keep": 2, "max_fraction": 1})
    done = yard("--repositories", f"{gate.host}/acme/**")
    assert done.code == 6
    assert done.stdout.count("`min_keep` is 2") == 2
    assert f"1 images of {gate.host}/{names[1]}" not in done.stdout
    assert "docs/errors.md#prune-refused" in done.stderr
    report = yard.plan("--repositories", f"{gate.host}/acme/**")
    assert report["error"]["help"] == "docs/errors.md#prune-refused"


def test_wrong_names_and_patterns_are_told(yard: Yard, gate: Gate) -> None:
    build_street(yard, 1)
    yard.repo.write({"names.txt": f"{gate.host}/acme/*\n# none\n{gate.host}/corner/app\n"})
    assert len(yard.plan("--repositories", "names.txt")["repositories"]) == 2
    rows = [
        ("*", 2, "does not name the registry before its first wildcard"),
        (f"{gate.host}*/app", 2, "does not name the registry before its first wildcard"),
        (f"{gate.host}/acme/[", 2, "is not a pattern"),
        (f"{gate.host}/acme/nothing-*", 5, "lists no repository that matches"),
        (f"{gate.host}/acme/nothing-*", 5, "docs/errors.md#not-found"),
        (f"{gate.host}/ACME/*", 2, "capitals"),
        ("nofile.txt", 2, "neither a file nor a repository"),
        (f"{gate.host}/acme/none", 0, "/acme/none` holds no image: check the spelling"),
    ]
    for text, code, says in rows:
        done = yard("--repositories", text)
        assert (done.code, says in done.stderr) == (code, True), f"{text}: {done.stderr}"
    gate.instead = lambda passage: (404, [], b"404 page not found") if "_catalog" in passage.path else None
    done = yard("--repositories", f"{gate.host}/acme/*")
    assert (done.code, "does not list its repositories" in done.stderr) == (5, True)
    assert "`--repositories FILE`" in done.stderr


def test_named_image_of_a_component_has_its_policy_and_another_one_the_shared_one(
    yard: Yard, gate: Gate
) -> None:
    build_street(yard, 4)
    names = [f"{gate.host}/acme/house-{number:04}" for number in range(4)]
    one, two = ({**POLICY, "delete": [{"match": tag}]} for tag in ("sha-1", "sha-2"))

    def configure(*retentions: object) -> None:
        components = {
            f"part{number}": {"image": names[number], **({"retention": given} if given else {})}
            for number, given in enumerate(retentions)
        }
        yard.repo.write({"shipmark.yml": json.dumps({"components": components})})

    def goes(*args: str) -> list[list[str]]:
        report = yard.plan(*(part for name in args for part in ("--repositories", name)))
        tops = [
            [image for image in one["deleted"] if "because" not in image] for one in report["repositories"]
        ]
        return [[tag for image in images for tag in image["tags"]] for images in tops]

    configure(one, two)
    assert goes(names[1], names[0]) == [["sha-2"], ["sha-1"]]
    other = yard("--repositories", names[3])
    assert (other.code, "no policy is meant for" in other.stderr) == (2, True)
    configure(None, two, two)
    assert goes(names[3], names[1]) == [["sha-2"], ["sha-2"]]
    bare = yard("--repositories", names[0])
    assert (bare.code, f"no policy is meant for `{names[0]}`" in bare.stderr) == (2, True)


def test_job_summary_says_what_goes_what_is_freed_and_why_the_rest_stays(yard: Yard, gate: Gate) -> None:
    build_street(yard, 2)
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "schedule"}
    env |= {"GITHUB_REPOSITORY": "acme/app", "GITHUB_STEP_SUMMARY": str(yard.repo.path / "summary.md")}
    street = ("--repositories", f"{gate.host}/acme/*")

    def summary(*args: str) -> tuple[int, str]:
        path = yard.repo.path / "summary.md"
        path.write_text("")
        return yard(*args, env=env).code, path.read_text()

    code, text = summary(*street)
    assert (code, text.splitlines()[0]) == (0, "### Prune previewed: 4 of 6 images in 2 repositories")
    for part in (
        "What goes",
        "sha-1",
        "What stays",
        "can be freed",
        "keep&#91;0&#93; &#123;match: release-&#42;&#125;",
    ):
        assert part in text, part
    plan = yard.plan(*street)["plan"]
    code, text = summary(*street, "--apply", "0" * 64)
    assert (code, text.splitlines()[0]) == (6, "### Failed: shipmark prune")
    assert "is stale" in text
    code, text = summary(*street, "--apply", plan)
    assert (code, text.splitlines()[0]) == (0, "### Pruned: 4 of 6 images in 2 repositories")
    assert "shipmark prune undo" in text
    yard.configure(in_use=[{"command": ["no-such-program"]}])
    code, text = summary(*street)
    assert (code, text.splitlines()[0]) == (6, "### Failed: shipmark prune")
    assert "no-such-program" in text
    assert json.loads((yard.repo.path / "shipmark.yml").read_text())
