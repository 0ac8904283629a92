"""Questions to a log that several projects share, in every kind of store: each project gets its own answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from release.app.log import questions
from release.app.log.difference import difference
from release.app.log.export import ExportRequest, export, page, statements
from release.app.log.named_releases import newest_named
from release.app.log.recover import RecoverReport, RecoverRequest, recover
from release.app.log.reports import (
    AtRequest,
    DeploymentsRequest,
    DiffRequest,
    FindRequest,
    HistoryRequest,
    ListedRelease,
    ListRequest,
    ShowRequest,
)
from release.app.log.scope import scope_of
from release.app.session import Session
from release.errors import ConfigError
from tests.support.logs.descriptions import STORES, describe
from tests.support.logs.facts import TickingClock, digest, moved, planned, whole_release
from tests.support.logs.workspaces import Notes, workspace

WEB, API, OTHER = "r.example/acme/web", "r.example/acme/api", "r.example/other/web"
# Has several builds of one version. Its name is short: `facts.key` takes 32 characters of `image-NAME VERSION`.
BUILDS = "r.example/b/app"


def release(project: str, version: str, **more: Any) -> list[dict[str, Any]]:
    """Return the facts of a release of `project`, on a target of the same name."""
    suffix = f"_r{more['rebuild']}" if more else ""
    facts = whole_release(f"{project} {version}{suffix}", version)
    if more:  # a rebuild: the version's own tag stays
        facts[2]["tags"] = [{**facts[2]["tags"][0], "name": f"{version}{suffix}"}]
    component = {"component": project.rpartition("/")[2]}
    return [
        {
            **fact,
            "project": project,
            **component,
            **({"target": project} if "target" in fact else {}),
            **(more if fact["kind"] in {"planned", "released"} else {}),
        }
        for fact in facts
    ]


def deployed(project: str, version: str, environment: str, **more: Any) -> dict[str, Any]:
    image = {"digest": digest(f"image-{project} {version}")}
    fact = {"kind": "deployed", "project": project, "version": version, "environment": environment}
    return {**fact, "image": image, "target": project, **more}


def promoted(project: str, version: str, to: str) -> dict[str, Any]:
    image = digest(f"image-{project} {version}")
    tags = [{"name": version, "digest": image, "result": "created"}]
    copied = {"from": project, "to": to, "digest": image, "version": version, "tags": tags}
    return {"kind": "promoted", "project": project, **copied}


FACTS: list[list[dict[str, Any]]] = [
    *(release(project, version) for version in ("1.0.0", "1.1.0") for project in (WEB, API, OTHER)),
    release(WEB, "1.0.0", rebuild=1),
    [
        deployed(project, "1.0.0", "prod", evidence=f"https://ci.example/{project}")
        for project in (WEB, OTHER)
    ],
    [deployed(WEB, "1.1.0", "prod", follows=1), deployed(WEB, "1.1.0", "staging")],
    [{"kind": "yanked", "project": WEB, "versions": ["1.1.0"], "reason": "it eats data"}],
    [promoted(WEB, "1.0.0", "r.example/production")],
    [
        {"kind": "status", "project": WEB, "version": "1.0.0", "number": 1, "status": "prerelease"},
        {"kind": "yanked", "project": OTHER, "versions": ["1.0.0"], "reason": "not ours"},
    ],
    release(BUILDS, "1.0.0"),
    release(BUILDS, "1.0.0", rebuild=1),
    release(BUILDS, "1.0.0", rebuild=2),
    [
        {"kind": "yanked", "project": BUILDS, "versions": ["1.0.0_r1"], "reason": "a bad base"},
        promoted(BUILDS, "1.0.0", "r.example/eu"),
        promoted(BUILDS, "1.0.0", "r.example/us"),
        promoted(BUILDS, "1.0.0_r2", "r.example/eu"),
        deployed(BUILDS, "1.0.0", "prod"),
        deployed(BUILDS, "1.0.0_r2", "prod", follows=1),
        deployed(BUILDS, "1.0.0_r1", "staging"),
        deployed(BUILDS, "1.0.0", "prod", follows=2),
    ],
]


def filled(described: dict[str, Any], folder: Path) -> dict[str, Any]:
    session = workspace(folder, described, image=WEB)
    session.clock = TickingClock()  # two entries of one millisecond would have no order in time
    for facts in FACTS:
        session.log.append(facts)
    return described


@pytest.fixture(params=STORES, scope="module")
def described(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give a log that tests only read."""
    folder = tmp_path_factory.mktemp("log")
    return filled(describe(str(request.param), request, folder), folder / "writer")


@pytest.fixture
def log(tmp_path: Path) -> dict[str, Any]:
    """Give the same log in a file."""
    return filled({"store": "file", "path": str(tmp_path / "log.jsonl")}, tmp_path / "writer")


def opened(described: dict[str, Any], folder: Path, image: str = WEB) -> Session:
    return workspace(folder / "reader", described, image=image)


def test_log_queries_of_one_project_return_nothing_of_another_project(
    described: dict[str, Any], tmp_path: Path
) -> None:
    for image in (WEB, OTHER):
        session = opened(described, tmp_path, image)
        listed = questions.list_releases(session, ListRequest()).releases
        assert {(one.project, one.component) for one in listed} == {(image, image.rpartition("/")[2])}
        shown = questions.show(session, ShowRequest(name="1.0.0"))
        assert {entry["project"] for entry in shown.entries} == {image}
        assert {one.target for one in questions.history(session, HistoryRequest(tag="latest")).tags} == {
            image
        }
        assert {
            one.target for one in questions.at(session, AtRequest(tag="latest", time="2100-01-01")).tags
        } == {image}
        running = questions.deployed(session, DeploymentsRequest(environment="prod")).deployments
        assert {one.deployment.project for one in running} == {image}
        foreign = digest(f"image-{OTHER if image == WEB else WEB} 1.0.0")
        assert questions.find(session, FindRequest(digest=foreign)).mentions == ()
        assert questions.find(session, FindRequest(digest=foreign, all_projects=True)).mentions
    every = questions.list_releases(session, ListRequest(all_projects=True)).releases
    assert {one.project for one in every} == {WEB, API, OTHER, BUILDS}


def test_component_that_neither_the_config_nor_the_log_has_is_an_error(
    log: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(log, tmp_path)
    session.settings = msgspec.structs.replace(session.settings, component="web")
    assert {one.component for one in questions.list_releases(session, ListRequest()).releases} == {"web"}
    session.settings = msgspec.structs.replace(session.settings, component="wbe")
    with pytest.raises(ConfigError, match="no component is called `wbe`"):
        questions.list_releases(session, ListRequest(all_projects=True))


def names(listed: Sequence[ListedRelease]) -> list[str]:
    return [one.release for one in listed]


def running(session: Session, **more: Any) -> list[tuple[str, str]]:
    found = questions.deployed(session, DeploymentsRequest(**more)).deployments
    return [(one.deployment.environment, one.deployment.version) for one in found]


def shown(session: Session, name: str) -> list[tuple[str, str, tuple[str, ...]]]:
    found = questions.show(session, ShowRequest(name=name)).releases
    return [(one.release.release, one.release.state, one.destinations) for one in found]


EU, US = "r.example/eu:1.0.0", "r.example/us:1.0.0"
BUILD_1, BUILD_2 = ("1.0.0_r1", "yanked", ()), ("1.0.0_r2", "released", ("r.example/eu:1.0.0_r2",))
#: Each question about `BUILDS`, and its answer.
ANSWERS: dict[str, tuple[Callable[[Session], object], object]] = {
    # Builds of one version are told apart.
    "every build": (
        lambda on: names(questions.list_releases(on, ListRequest()).releases),
        ["1.0.0_r2", "1.0.0_r1", "1.0.0"],
    ),
    "builds that were taken back": (
        lambda on: names(questions.list_releases(on, ListRequest(state="yanked")).releases),
        ["1.0.0_r1"],
    ),
    "one build": (lambda on: shown(on, "1.0.0_r1"), [BUILD_1]),
    "one of the builds, for a comparison": (
        lambda on: [
            newest_named(on, name, scope_of(on, project=None, all_projects=False)).name
            for name in ("1.0.0", "1.0.0_r1")
        ],
        ["1.0.0", "1.0.0_r1"],
    ),
    "a version with all of its builds": (
        lambda on: sorted(shown(on, "1.0.0")),
        [("1.0.0", "released", (EU, US)), BUILD_1, BUILD_2],
    ),
    "a build's own tag": (
        lambda on: [
            hold.name
            for tag in questions.history(on, HistoryRequest(tag="1.0.0_r1")).tags
            for hold in tag.holds
        ],
        ["1.0.0_r1"],
    ),
    # No other project answers.
    "a build that only another project has": (
        lambda on: names(questions.list_releases(on, ListRequest(version="1.1.0")).releases),
        [],
    ),
    "a digest of another project": (
        lambda on: questions.find(on, FindRequest(digest=digest(f"image-{WEB} 1.0.0_r1"))).mentions,
        (),
    ),
    "a build of another project, by its name": (
        lambda on: names(questions.list_releases(on, ListRequest(project=WEB, version="1.0.0_r1")).releases),
        ["1.0.0_r1"],
    ),
    # What runs where, and went where.
    "what runs": (running, [("prod", "1.0.0"), ("staging", "1.0.0_r1")]),
    "what ran": (
        lambda on: running(on, environment="prod", history=True),
        [("prod", "1.0.0"), ("prod", "1.0.0_r2"), ("prod", "1.0.0")],
    ),
    "what runs, of all projects": (
        lambda on: sorted(running(on, environment="prod", all_projects=True)),
        [("prod", "1.0.0"), ("prod", "1.0.0"), ("prod", "1.1.0")],
    ),
    "a yanked build that runs": (
        lambda on: [
            one.yank_reason
            for one in questions.deployed(on, DeploymentsRequest(environment="staging")).deployments
        ],
        ["a bad base"],
    ),
}


def test_each_question_about_builds_promotions_and_deployments_has_its_answer(
    described: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(described, tmp_path, BUILDS)
    assert {name: ask(session) for name, (ask, _) in ANSWERS.items()} == {
        name: answer for name, (_, answer) in ANSWERS.items()
    }


def test_log_queries_with_the_option_project_return_that_project(log: dict[str, Any], tmp_path: Path) -> None:
    session = opened(log, tmp_path)
    for project in (API, OTHER):
        listed = questions.list_releases(session, ListRequest(project=project)).releases
        assert [(one.project, one.version) for one in listed] == [(project, "1.1.0"), (project, "1.0.0")]
    # A project with several components: its name means all of them.
    both = questions.list_releases(session, ListRequest(project="r.example/acme")).releases
    assert {one.project for one in both} == {WEB, API}
    of_api = workspace(tmp_path / "reader", log, image=WEB)
    assert questions.list_releases(of_api, ListRequest(project="r.example/ac")).releases == ()
    with pytest.raises(ConfigError, match=r"no release `9\.9\.9`"):
        questions.show(session, ShowRequest(name="9.9.9", all_projects=True))


def test_a_release_of_another_project_is_named_in_the_hint(log: dict[str, Any], tmp_path: Path) -> None:
    session = workspace(tmp_path / "reader", log, image="r.example/empty")
    for ask in (
        lambda: questions.show(session, ShowRequest(name="1.0.0")),
        lambda: difference(session, DiffRequest(before="1.0.0", after="1.1.0")),
    ):
        with pytest.raises(ConfigError, match=r"no release `1\.0\.0`") as caught:
            ask()
        assert f"another project has one, `{API}`" in str(caught.value.hint)
        assert "--all-projects" in str(caught.value.hint)


def test_log_deployed_returns_deployments_of_now_and_of_a_given_time(
    described: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(described, tmp_path)
    now = questions.deployed(session, DeploymentsRequest()).deployments
    assert [(one.deployment.environment, one.deployment.version, one.yank_reason) for one in now] == [
        ("prod", "1.1.0", "it eats data"),
        ("staging", "1.1.0", "it eats data"),
    ]
    (prod,) = questions.deployed(session, DeploymentsRequest(environment="prod")).deployments
    before, after = (
        one.deployment
        for one in questions.deployed(
            session, DeploymentsRequest(environment="prod", history=True)
        ).deployments
    )
    assert (before.version, before.until, before.evidence) == (
        "1.0.0",
        after.since,
        f"https://ci.example/{WEB}",
    )
    assert (after, after.until) == (prod.deployment, None)
    for time, expected in ((before.since, ["1.0.0"]), (after.since, ["1.1.0"]), ("2001-01-01", [])):
        found = questions.deployed(session, DeploymentsRequest(environment="prod", time=time)).deployments
        assert [one.deployment.version for one in found] == expected
    assert questions.deployed(session, DeploymentsRequest(environment="elsewhere")).deployments == ()
    with pytest.raises(ConfigError, match="`someday` is not a time"):
        questions.deployed(session, DeploymentsRequest(time="someday"))


def test_log_show_has_the_current_status_and_destinations_of_a_release(
    log: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(log, tmp_path)
    newest = questions.show(session, ShowRequest(name="1.1.0"))
    kinds = [entry["kind"] for entry in newest.entries]
    assert kinds == ["planned", "built", "pushed", "released", "moved", "deployed", "deployed", "yanked"]
    (one,) = newest.releases
    assert (one.release.state, one.release.yank_reason, one.destinations) == ("yanked", "it eats data", ())
    assert [run.environment for run in one.running] == ["prod", "staging"]
    older = questions.show(session, ShowRequest(name="1.0.0"))
    assert {entry["kind"] for entry in older.entries} >= {"deployed", "promoted", "status"}
    told = {one.release.release: one for one in older.releases}
    assert told["1.0.0"].destinations == ("r.example/production:1.0.0",)
    assert told["1.0.0_r1"].destinations == ()
    assert [(one.release.status, one.running) for one in older.releases] == [("prerelease", ())] * 2


def test_log_show_of_a_tag_is_about_the_release_that_holds_it(
    described: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(described, tmp_path)
    report = questions.show(session, ShowRequest(name="latest"))
    assert names([one.release for one in report.releases]) == ["1.0.0_r1"]
    assert {entry["release"] for entry in report.entries if "release" in entry} == {
        report.releases[0].release.key
    }
    (latest,) = report.tags
    assert (latest.target, [hold.name for hold in latest.holds]) == (WEB, ["1.0.0", "1.1.0", "1.0.0_r1"])
    assert names(
        [one.release for one in questions.show(session, ShowRequest(name=f"{WEB}:latest")).releases]
    ) == ["1.0.0_r1"]
    # The tag of a version means the version with its builds, whoever holds it.
    assert questions.show(session, ShowRequest(name="1.0.0")).tags == ()
    with pytest.raises(ConfigError, match="no release `edge`"):
        questions.show(session, ShowRequest(name="edge"))


def test_log_show_of_a_tag_follows_promotions_rollbacks_and_removals(
    log: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(log, tmp_path)
    first, newest = (f"image-{WEB} {version}" for version in ("1.0.0", "1.1.0"))
    tag = [{"name": "stable", "digest": digest(first), "result": "created"}]
    session.log.append([{**promoted(WEB, "1.0.0", WEB), "tags": tag}])

    def held() -> tuple[list[str], str]:
        report = questions.show(opened(log, tmp_path), ShowRequest(name="stable"))
        (one,) = report.tags
        return names([one.release for one in report.releases]), one.holds[-1].digest

    assert held() == (["1.0.0"], digest(first))
    again = {"project": WEB, "target": WEB, "tag": "stable", "attempt": "b"}
    session.log.append([moved(f"{WEB} 1.1.0", newest, **again)])
    assert held() == (["1.1.0"], digest(newest))
    session.log.append([moved(f"{WEB} 1.0.0", first, **again, follows=1)])  # as a rollback does
    assert held() == (["1.0.0"], digest(first))
    scope = scope_of(session)
    assert newest_named(opened(log, tmp_path), "stable", scope).name == "1.0.0"  # for `log diff`
    gone = {"kind": "pruned", "project": WEB, "target": WEB, "run": "a", "digests": [digest("x")]}
    session.log.append([{**gone, "tags": [{"name": "stable", "before": digest(first), "result": "deleted"}]}])
    assert held() == (["1.0.0"], "")


def test_rebuilds_of_one_version_are_listed_separately(log: dict[str, Any], tmp_path: Path) -> None:
    session = opened(log, tmp_path)
    listed = questions.list_releases(session, ListRequest(version="1.0.0")).releases
    assert [(one.release, one.version, one.rebuild) for one in listed] == [
        ("1.0.0_r1", "1.0.0", 1),
        ("1.0.0", "1.0.0", 0),
    ]
    (rebuilt,) = questions.list_releases(session, ListRequest(version="1.0.0_r1")).releases
    assert {
        entry.get("release") for entry in questions.show(session, ShowRequest(name="1.0.0_r1")).entries
    } >= {rebuilt.key}
    (latest,) = questions.history(session, HistoryRequest(tag="latest")).tags
    assert [hold.name for hold in latest.holds] == ["1.0.0", "1.1.0", "1.0.0_r1"]
    (then,) = questions.at(session, AtRequest(tag="latest", time="2100-01-01")).tags
    assert (then.hold.name, then.hold.version, then.hold.project) == ("1.0.0_r1", "1.0.0", WEB)


def test_log_list_shows_and_filters_by_the_state_of_a_yanked_release(
    log: dict[str, Any], tmp_path: Path
) -> None:
    session = opened(log, tmp_path)
    listed = questions.list_releases(session, ListRequest()).releases
    assert {one.release: one.state for one in listed}["1.1.0"] == "yanked"
    for state, versions in (("yanked", {"1.1.0"}), ("released", {"1.0.0"})):
        found = questions.list_releases(session, ListRequest(state=state)).releases  # type: ignore[arg-type]  # a text of the table
        assert {one.version for one in found} == versions
    limited = questions.list_releases(session, ListRequest(limit=1))
    assert (len(limited.releases), limited.total) == (1, len(listed))


def test_log_export_and_recover_are_about_the_project_at_hand(log: dict[str, Any], tmp_path: Path) -> None:
    session = workspace(tmp_path / "reader", log, image=WEB)
    attempts = [
        {**planned(f"{project} 9", f"open {project}"), "project": project} for project in (WEB, OTHER)
    ]
    session.log.append([{**one, "lease_ms": 1} for one in attempts])
    session = workspace(tmp_path / "reader", log, sink=(notes := Notes()), image=WEB)
    assert {one["project"] for one in export(session).entries} == {WEB}
    assert "are about other projects: `--all-projects`" in notes.notes[-1].text
    every = export(session, ExportRequest(all_projects=True)).entries
    assert {one["project"] for one in every} == {WEB, API, OTHER, BUILDS}
    assert {one["predicate"]["packageId"] for one in statements(session)} == {WEB}
    page_of_other = page(session, ExportRequest(project=OTHER))
    assert digest(f"image-{OTHER} 1.0.0") in page_of_other
    assert digest(f"image-{WEB} 1.0.0") not in page_of_other
    assert recover(session, RecoverRequest()) == RecoverReport(settled=(f"open {WEB}",), open=())
    named = RecoverRequest(attempt=f"open {OTHER}", evidence="https://ci.example/runs/7")
    assert recover(session, named).settled == (f"open {OTHER}",)
