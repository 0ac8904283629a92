"""`shipmark log`: lists and shows releases, finds digests, shows what tags pointed to, compares, verifies."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable

import pytest

from release.control import Cancel
from release.log.stores.file.store import FileStore
from release.log.writer import Writer
from tests.support.registries.targets import SystemClock
from tests.support.releases.project import Project


@pytest.fixture
def history(make_project: Callable[..., Project]) -> Project:
    """Give a project that released 1.4.2 and 1.4.3."""
    project = make_project()
    for git_tag in ("v1.4.2", "v1.4.3"):
        project.release_commit(git_tag)
        project.must("run")
    return project


def test_log_list_filters_releases_and_writes_other_formats(history: Project) -> None:
    assert [one["version"] for one in history.must("log", "list", "--json").json["releases"]] == [
        "1.4.3",
        "1.4.2",
    ]
    for version in ("1.4.2", "v1.4.2"):
        only = history.must("log", "list", "--version", version, "--json").json["releases"]
        assert [one["version"] for one in only] == ["1.4.2"]
    day = only[0]["planned_at"][:10]
    of_day = history.must("log", "list", "--since", day, "--until", day, "--json").json["releases"]
    assert "1.4.2" in [one["version"] for one in of_day]
    assert history.must("log", "list", "--channel", "branch").stdout.strip() == "no release"
    rows = list(csv.DictReader(io.StringIO(history.must("log", "list", "--format", "csv").stdout)))
    assert [row["release"] for row in rows] == ["1.4.3", "1.4.2"]
    assert history.must("log", "list", "--format", "markdown").stdout.startswith("| release |")
    assert history("log", "list", "--since", "someday").code == 2


@pytest.mark.parametrize("name", ["1.4.2", "v1.4.2", "digest", "commit", "printed"])
def test_log_show_accepts_version_git_tag_digest_and_commit_of_a_release(history: Project, name: str) -> None:
    released = next(entry for entry in history.log if entry["kind"] == "released")
    digest = released["image"]["digest"]
    printed = f"registry.example/app:1.4.2@{digest}"  # as `run` prints it
    names = {"digest": digest, "commit": released["commit"][:10], "printed": printed}
    assert history.must("log", "find", printed).stdout == history.must("log", "find", digest).stdout
    shown = history.must("log", "show", names.get(name, name), "--json").json["entries"]
    assert [entry["kind"] for entry in shown] == ["planned", "built", "pushed", "released", "moved"]
    assert {entry["release"] for entry in shown} == {released["release"]}


def test_log_list_shows_yanked_releases_with_the_reason(history: Project) -> None:
    assert "WHY" not in history.must("log", "list").stdout
    history.must("rollback", "--to", "1.4.2", "--reason", "it eats data")
    newest, older = history.must("log", "list", "--json").json["releases"]
    yanked = next(entry for entry in history.log if entry["kind"] == "yanked")
    assert (newest["version"], newest["yanked_at"], newest["yank_reason"]) == (
        "1.4.3",
        yanked["at"],
        "it eats data",
    )
    assert (older["state"], older["yanked_at"], older["yank_reason"]) == ("released", "", "")
    table = history.must("log", "list").stdout.splitlines()
    assert table[1].startswith("1.4.3")
    assert " yanked " in table[1]
    assert table[1].endswith("it eats data")
    assert "yanked" not in table[2]
    only = history.must("log", "list", "--state", "yanked", "--json").json["releases"]
    assert [one["version"] for one in only] == ["1.4.3"]
    (line,) = [one for one in history.must("log", "show", "1.4.3").stdout.splitlines() if "yanked" in one]
    assert line.endswith("1.4.3 it eats data")
    assert "yanked" not in history.must("log", "show", "1.4.2").stdout
    kinds = [one["kind"] for one in history.must("log", "show", "1.4.3", "--json").json["entries"]]
    assert kinds[:6] == ["planned", "built", "pushed", "released", "moved", "yanked"]
    rows = list(csv.DictReader(io.StringIO(history.must("log", "export", "--format", "csv").stdout)))
    assert [row["yank_reason"] for row in rows] == ["it eats data", ""]


def test_log_find_at_and_history_give_mentions_of_a_digest_and_earlier_digests_of_a_tag(
    history: Project,
) -> None:
    first, second = (entry for entry in history.log if entry["kind"] == "moved")
    found = history.must("log", "find", history.tags["1.4.2"][:20], "--json").json["mentions"]
    assert {one["kind"] for one in found} >= {"built", "pushed", "released", "moved"}
    then = history.must("log", "at", "latest", first["at"], "--json").json["tags"]
    assert [one["hold"]["version"] for one in then] == ["1.4.2"]
    assert then[0]["until"] == second["at"]
    told = history.must("log", "history", "latest").stdout
    assert history.tags["1.4.2"] in told
    assert history.tags["1.4.3"] in told
    for question in (("find", "sha256:0000000"), ("at", "latest", "2001-01-01"), ("history", "none")):
        result = history("log", *question)
        assert result.code == 2
        assert "hint: " in result.stderr


def test_log_diff_lists_the_commits_that_each_of_two_releases_has_alone(history: Project) -> None:
    history.repo.branch("fix", "v1.4.2")
    history.release_commit("v1.4.4")
    history.must("run")

    def told(*names: str) -> tuple[list[str], list[str], str]:
        found = history.must("log", "diff", *names, "--json").json
        added, removed = ([one["subject"] for one in found[key]] for key in ("commits", "commits_removed"))
        return added, removed, history.must("log", "diff", *names).stdout

    added, removed, text = told("1.4.2", "1.4.3")
    assert (added, removed) == (["v1.4.3"], [])
    assert text.startswith("1.4.2..1.4.3: 1 commit\n")
    added, removed, text = told("1.4.3", "1.4.2")
    assert (added, removed) == ([], ["v1.4.3"])
    assert text.startswith("1.4.3..1.4.2: goes back by 1 commit\ncommit removed: ")
    added, removed, text = told("1.4.3", "1.4.4")
    assert (added, removed) == (["v1.4.4"], ["v1.4.3"])
    assert text.startswith("1.4.3..1.4.4: 1 commit, and lacks 1 commit\n")


def test_log_verify_reports_a_tag_that_was_moved_without_a_record(history: Project) -> None:
    assert history.must("log", "verify", "--registry", "--json").json["tags"]
    _, raw = history.registry.manifest(history.name, "1.4.2")
    media_type = json.loads(raw)["mediaType"]
    status, _, _ = history.registry.request(
        "PUT", f"/v2/{history.name}/manifests/latest", body=raw, headers={"Content-Type": media_type}
    )
    assert status == 201
    result = history("log", "verify", "--registry")
    assert result.code == 6
    assert f"`{history.image}:latest`" in result.stderr
    assert "moved" in result.stdout
    history.registry.stop()
    assert history("log", "verify").code == 0
    assert history("log", "verify", "--registry").code == 5


def test_log_recover_of_a_named_attempt_needs_evidence_and_an_open_attempt(history: Project) -> None:
    assert history.must("log", "recover").stdout.strip() == "no attempt is open"
    assert history("log", "recover", "--attempt", "x").code == 2
    result = history("log", "recover", "--attempt", "x", "--evidence", "https://ci.example.com/1")
    assert result.code == 2
    assert "no open attempt" in result.stderr


def test_log_recover_ends_attempts_whose_lease_has_passed_and_the_one_that_is_named(project: Project) -> None:
    path = project.repo.path / ".shipmark" / "log.jsonl"
    path.parent.mkdir(exist_ok=True)
    cancel = Cancel()
    store = FileStore(str(path), cancel=cancel, monotonic=time.monotonic)
    base = {"kind": "planned", "project": project.image, "commit": "a" * 40}
    leases = {"late": 1, "slow": 3_600_000, "silent": 0}
    other = {**base, "project": "acme/other", "release": "f" * 64, "attempt": "elsewhere", "lease_ms": 1}
    facts = [
        {**base, "release": f"{number}" * 64, "attempt": name, "lease_ms": lease}
        for number, (name, lease) in enumerate(leases.items())
    ]
    Writer(store, clock=SystemClock(), cancel=cancel).append([*facts, other])
    told = project.must("log", "recover", "--json").json
    assert (told["settled"], told["open"]) == (["late"], ["slow", "silent"])
    shown = project.must(
        "log", "recover", "--attempt", "slow", "--evidence", "https://ci.example.com/1"
    ).stdout
    assert "abandoned slow: https://ci.example.com/1" in shown
    ended = [entry for entry in project.log if entry["kind"] == "abandoned"]
    assert [(entry["attempt"], entry["project"]) for entry in ended] == [
        ("late", project.image),
        ("slow", project.image),
    ]
    project.must("log", "verify")


@pytest.mark.parametrize("form", ["json", "csv", "in-toto"])
@pytest.mark.parametrize("there", [True, False])
def test_log_export_of_one_file_into_a_folder_is_refused(history: Project, form: str, there: bool) -> None:
    site = history.repo.path / "site"
    if there:
        site.mkdir()
    done = history("log", "export", "--format", form, "-o", "site/")
    assert (done.code, "error: `site/` names a folder, and this writes one file" in done.stderr) == (2, True)
    assert site.is_dir() is there
    assert not there or not list(site.iterdir())


def test_log_export_writes_entries_as_json_and_statements_as_in_toto(history: Project) -> None:
    whole = json.loads(history.must("log", "export").stdout)
    assert len(whole["entries"]) == len(history.log)
    history.must("log", "export", "--format", "in-toto", "-o", "statements.jsonl")
    lines = (history.repo.path / "statements.jsonl").read_text().splitlines()
    statements = [json.loads(line) for line in lines]
    assert [one["subject"][0]["digest"]["sha256"] for one in statements] == [
        history.tags[tag].removeprefix("sha256:") for tag in ("1.4.2", "1.4.3")
    ]


@pytest.mark.parametrize(
    ("question", "member", "code"),
    [
        (("find", f"sha256:{'0' * 64}"), "mentions", 2),
        (("at", "latest", "2000-01-01"), "tags", 2),
        (("at", "nope", "2100-01-01"), "tags", 2),
        (("history", "nope"), "tags", 2),
        (("deployed", "production"), "deployments", 2),
        (("deployed", "--at", "2000-01-01"), "deployments", 0),
        (("list", "--version", "9.9.9"), "releases", 0),
    ],
)
def test_exit_code_of_a_question_without_an_answer_does_not_depend_on_the_form_of_the_output(
    history: Project, question: tuple[str, ...], member: str, code: int
) -> None:
    text, document = history("log", *question), history("log", *question, "--json")
    assert (text.code, document.code) == (code, code)
    assert document.json[member] == []
    assert text.stderr == document.stderr
