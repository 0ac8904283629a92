"""The library's functions return the reports that the commands print with `--json`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from release.app.images.copy import CopyRequest, copy
from release.app.images.delete import DeleteRequest, delete
from release.app.images.inspect import InspectRequest, inspect
from release.app.images.list_tags import ListTagsRequest, list_tags
from release.app.images.tag import PlacedTag, TagRequest, tag
from release.app.log import questions, reports
from release.app.log.difference import difference
from release.app.log.export import export
from release.app.log.import_entries import ImportRequest, import_entries
from release.app.log.recover import RecoverRequest, recover
from release.app.log.verify import fault, verify
from release.app.log.verify_report import TagFinding, VerifyReport, VerifyRequest
from release.app.releases.metadata import MetadataRequest, metadata
from release.app.releases.tags import TagsRequest, tags
from release.app.releases.unrecorded import UNRECORDED_SCHEMA
from release.app.session import Session
from release.app.versions.next_version import NextVersionRequest, next_version
from release.app.versions.version import VersionRequest, version
from release.app.workspace import open_workspace
from release.control import Cancel
from release.errors import ConfigError, RefusedError, RegistryError
from release.events import Event, Note
from release.layout.layout import Layout
from release.log import Entry
from release.log.identity import checked, fact_id
from release.log.sealing import seal_all
from release.log.stores.file.store import FileStore
from tests.support.logs.facts import PROJECT, built, digest, moved, planned, pushed, released, writer
from tests.support.programs.command import Shipmark
from tests.support.registries.images import make_image, store
from tests.support.releases.git import GitRepo

CONFIG = "components:\n  api: {image: r.example/api}\n  web: {image: r.example/web}\n"


class Notes:
    """Event sink that keeps the texts of notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.texts.append(event.text)


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Give a repository with the git tag v1.4.2, and one commit with a feature after it."""
    git_repo.commit(files={".gitignore": "*.yml\n"})
    git_repo.tag("v1.4.2")
    git_repo.commit("feat: more")
    return git_repo


def plain(report: object) -> Any:
    """Return the report as JSON values."""
    return msgspec.json.decode(msgspec.json.encode(report))


def opened(repo: GitRepo, **more: Any) -> Session:
    return open_workspace(str(repo.path), env=repo.env, **more)


class TestNames:
    def test_function_tags_returns_the_json_document_of_its_command(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        report = tags(opened(repo, images=["r.example/app"]), TagsRequest())
        printed = shipmark("tags", "--image", "r.example/app", "--json", cwd=repo.path).json
        assert plain(report) == printed
        assert next(iter(printed)) == "schema"

    def test_function_version_returns_the_json_document_of_its_command(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        report = version(opened(repo), VersionRequest())
        assert plain(report) == shipmark("version", "--json", cwd=repo.path).json
        assert (report.major, report.base, report.distance) == (1, "v1.4.2", 1)

    def test_function_tags_needs_the_component_if_the_config_has_several(self, repo: GitRepo) -> None:
        repo.write({"shipmark.yml": CONFIG})
        workspace = opened(repo)
        found = [tags(workspace, TagsRequest(component=name)) for name in ("api", "web")]
        assert [one.references[-1] for one in found] == ["r.example/api:main", "r.example/web:main"]
        with pytest.raises(ConfigError, match="several components: api, web"):
            tags(workspace, TagsRequest())
        only = opened(repo, component="web")
        assert tags(only, TagsRequest()).references[-1] == "r.example/web:main"
        assert tags(only, TagsRequest(component="api")).references[-1] == "r.example/api:main"

    def test_function_tags_names_no_moving_tag_of_a_target_that_takes_none(self, repo: GitRepo) -> None:
        repo.write({"shipmark.yml": "images: [{image: r.example/a, moving: false}, r.example/b]\n"})
        found = tags(opened(repo), TagsRequest()).references
        assert [one.partition("-")[0] for one in found] == [
            "r.example/a:sha",
            "r.example/b:sha",
            "r.example/b:main",
        ]

    def test_next_version_creates_a_git_tag_only_on_request(self, repo: GitRepo) -> None:
        report = next_version(opened(repo), NextVersionRequest())
        assert report is not None
        assert (report.version, report.git_tag) == ("1.5.0", "v1.5.0")
        assert repo.git("tag", "--list") == "v1.4.2"
        made = next_version(
            open_workspace(str(repo.path), env={**repo.env, **PERSON}),
            NextVersionRequest(part="patch", git_tag="local"),
        )
        assert made is not None
        assert repo.git("tag", "--list").split() == ["v1.4.2", "v1.4.3"]

    def test_next_version_without_releasable_commits_is_none(self, repo: GitRepo) -> None:
        repo.tag("v1.5.0")
        notes = Notes()
        assert next_version(opened(repo, sink=notes), NextVersionRequest()) is None
        assert "no commit since `v1.5.0` asks for a release" in notes.texts[0]

    def test_metadata_takes_inputs_that_are_not_given_from_the_config(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        repo.write(
            {"shipmark.yml": "image: r.example/app\ntags: [{type: sha, prefix: x-}]\nflavor: suffix=-y\n"}
        )
        now = {"SOURCE_DATE_EPOCH": "1704164645"}
        workspace = open_workspace(str(repo.path), env={**repo.env, **now})
        found = metadata(workspace, MetadataRequest())
        assert found.document() == shipmark("metadata", cwd=repo.path, env=now).json
        assert found.tags == (f"r.example/app:x-{repo.head[:7]}-y",)
        given = metadata(
            workspace, MetadataRequest(images="r.example/b", tags="type=raw,value=c", flavor=" ")
        )
        assert given.tags == ("r.example/b:c",)


PERSON = {
    "GIT_AUTHOR_NAME": "Ada Tester",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Tester",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@pytest.fixture
def logged(repo: GitRepo) -> GitRepo:
    """Give the repository with a version log of two releases, of which the second is yanked."""
    folder = repo.path / ".shipmark"
    folder.mkdir()
    log = writer(FileStore(str(folder / "log.jsonl"), cancel=Cancel(), monotonic=time.monotonic))
    commit = repo.git("rev-parse", "v1.4.2^{commit}")
    for name, version_, of in (("a", "1.4.2", commit), ("b", "1.4.3", repo.head)):
        log.append(
            [
                planned(name, version=version_, commit=of),
                built(name, image=name, commit=of),
                pushed(name, image=name, tag=version_, commit=of),
                released(name, image=name, version=version_, commit=of),
                moved(name, image=name, commit=of),
            ]
        )
    log.append([{"kind": "yanked", "project": PROJECT, "versions": ["1.4.3"], "reason": "it eats data"}])
    return repo


class TestLog:
    @pytest.mark.parametrize(
        ("use_case", "request_", "command"),
        [
            (questions.list_releases, reports.ListRequest(limit=1), ["list", "-n", "1"]),
            (questions.list_releases, reports.ListRequest(state="yanked"), ["list", "--state", "yanked"]),
            (questions.show, reports.ShowRequest(name="1.4.3"), ["show", "1.4.3"]),
            (questions.find, reports.FindRequest(digest=digest("a")), ["find", digest("a")]),
            (
                questions.at,
                reports.AtRequest(tag="latest", time="2025-10-09"),
                ["at", "latest", "2025-10-09"],
            ),
            (questions.history, reports.HistoryRequest(tag="latest"), ["history", "latest"]),
            (
                difference,
                reports.DiffRequest(before="1.4.2", after="1.4.3"),
                ["diff", "1.4.2", "1.4.3"],
            ),
            (verify, VerifyRequest(), ["verify"]),
        ],
    )
    def test_log_reports_are_the_json_documents_of_the_commands(
        self,
        use_case: Callable[[Session, Any], object],
        request_: object,
        command: list[str],
        logged: GitRepo,
        shipmark: Shipmark,
    ) -> None:
        report = plain(use_case(opened(logged), request_))
        assert report == shipmark("log", *command, "--json", cwd=logged.path).json

    def test_log_queries_without_a_match_return_empty_reports(self, logged: GitRepo) -> None:
        workspace = opened(logged)
        assert questions.find(workspace, reports.FindRequest(digest="sha256:0000000")).mentions == ()
        assert questions.at(workspace, reports.AtRequest(tag="latest", time="2001-01-01")).tags == ()
        with pytest.raises(ConfigError, match=r"the log has no release `9\.9\.9`"):
            questions.show(workspace, reports.ShowRequest(name="9.9.9"))

    def test_recover_of_a_named_attempt_needs_evidence_and_settles_an_expired_one_once(
        self, logged: GitRepo
    ) -> None:
        with pytest.raises(ConfigError, match="go together"):
            recover(opened(logged), RecoverRequest(attempt="a"))
        log = FileStore(str(logged.path / ".shipmark/log.jsonl"), cancel=Cancel(), monotonic=time.monotonic)
        writer(log).append([planned("c", "late", version="1.5.0", lease_ms=1)])
        assert recover(opened(logged), RecoverRequest()).settled == ("late",)
        assert recover(opened(logged), RecoverRequest()).settled == ()
        kinds = [entry["kind"] for entry in export(opened(logged)).entries]
        assert kinds[-2:] == ["planned", "abandoned"]

    @pytest.mark.parametrize("at", ["someday", "", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00"])
    def test_recover_leaves_an_attempt_open_that_began_at_no_time(self, logged: GitRepo, at: str) -> None:
        """Another program wrote it; its hashes are right."""
        log = FileStore(str(logged.path / ".shipmark/log.jsonl"), cancel=Cancel(), monotonic=time.monotonic)
        fact = checked(planned("c", "odd", version="1.5.0", lease_ms=1))
        (entry,) = seal_all({fact_id(fact): fact}, log.head(), at)
        log.append([entry.raw], log.head())
        found = recover(opened(logged), RecoverRequest())
        assert "odd" in found.open
        assert recover(opened(logged), RecoverRequest(attempt="odd", evidence="seen")).settled == ("odd",)

    def test_import_counts_no_entries_of_others(
        self, logged: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = FileStore(str(logged.path / ".shipmark/log.jsonl"), cancel=Cancel(), monotonic=time.monotonic)
        session = opened(logged)
        line = json.dumps({"schema": UNRECORDED_SCHEMA, "fact": planned("c", "mine", version="1.5.0")})
        (logged.path / "left.jsonl").write_text(f"{line}\n")
        append = session.log.append

        def after_another(facts: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
            writer(log).append([planned("d", "other", version="1.6.0")])
            return append(facts)

        monkeypatch.setattr(session.log, "append", after_another)
        assert import_entries(session, ImportRequest(file="left.jsonl")).added == 1

    def test_verify_report_gives_an_error_for_moved_differing_and_unreadable_tags(self) -> None:
        found = {"target": "r.example/app", "tag": "1", "detail": "d"}
        report = VerifyReport(log="l", entries=1, head="0:0", tags=())
        for finding, kind in (("moved", RefusedError), ("differs", RefusedError), ("unknown", RegistryError)):
            one = msgspec.convert({**found, "finding": finding}, TagFinding)
            assert isinstance(fault(msgspec.structs.replace(report, tags=(one,))), kind)
        assert fault(report) is None


class TestImages:
    """The library's functions for images, tested on OCI layouts, so without a registry."""

    def test_image_functions_copy_tag_list_and_delete_in_layouts(self, repo: GitRepo) -> None:
        image = make_image({"a": b"one"}, labels={"version": "1"})
        store(image, Layout(str(repo.path / "app")), "1.0.0")
        workspace = opened(repo)
        copied = copy(workspace, CopyRequest(source="oci:app:1.0.0", destination="oci:other"))
        assert (copied.digest, copied.tags) == (image.digest, (PlacedTag(name="1.0.0", result="created"),))
        put = tag(workspace, TagRequest(image="oci:other:1.0.0", tags=("b", "b", "1.0.0")))
        assert [(one.name, one.result) for one in put.tags] == [("b", "created"), ("1.0.0", "already-there")]
        listed = list_tags(workspace, ListTagsRequest(repository="oci:other", digests=True))
        assert [(one.name, one.digest) for one in listed.tags] == [
            ("1.0.0", image.digest),
            ("b", image.digest),
        ]
        request = DeleteRequest(image="oci:other:b", preview=True)
        assert delete(workspace, request).deleted is False
        assert delete(workspace, msgspec.structs.replace(request, preview=False)).tags == ("b",)
        names = list_tags(workspace, ListTagsRequest(repository="oci:other")).tags
        assert plain(names) == [{"name": "1.0.0"}]

    def test_image_functions_close_the_archives_that_they_read(self, repo: GitRepo) -> None:
        store(make_image({"a": b"one"}), Layout(str(repo.path / "app")), "1.0.0")
        workspace = opened(repo)
        for name in ("oci-archive:a.tar:1.0.0", "docker-archive:b.tar:app:1.0.0"):
            copy(workspace, CopyRequest(source="oci:app:1.0.0", destination=name))
            copy(workspace, CopyRequest(source=name, destination="oci:back:1.0.0", move=True))
            inspect(workspace, InspectRequest(image=name))
        assert [
            one for one in map(os.path.realpath, Path("/proc/self/fd").iterdir()) if one.endswith(".tar")
        ] == []

    def test_function_inspect_returns_the_json_document_of_its_command(
        self, repo: GitRepo, shipmark: Shipmark
    ) -> None:
        store(make_image({"a": b"one"}, labels={"version": "1"}), Layout(str(repo.path / "app")), "1.0.0")
        report = inspect(opened(repo), InspectRequest(image="oci:app:1.0.0"))
        assert plain(report) == shipmark("image", "inspect", "oci:app:1.0.0", "--json", cwd=repo.path).json
        assert report.platforms[0].labels == {"version": "1"}
