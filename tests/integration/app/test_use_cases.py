"""Use cases as functions: each returns, as a value, the document that its command prints with `--json`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from release.app.releases.metadata import MetadataRequest, metadata
from release.app.releases.next_version import NextVersionRequest, next_version
from release.app.releases.tags import TagsRequest, tags
from release.app.releases.version import VersionRequest, version
from release.app.session import Session
from release.app.workspace import open_workspace
from release.errors import ConfigError
from release.events import Event, Note
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

CONFIG = "components:\n  api: {image: r.example/api}\n  web: {image: r.example/web}\n"


class Notes:
    """A sink that keeps the texts of notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.texts.append(event.text)


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Give a repository that was released as 1.4.2, and is one feature further."""
    git_repo.commit(files={".gitignore": "*.yml\n"})
    git_repo.tag("v1.4.2")
    git_repo.commit("feat: more")
    return git_repo


def plain(report: object) -> Any:
    """Return the report as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(report))


def opened(repo: GitRepo, **more: Any) -> Session:
    return open_workspace(str(repo.path), env=repo.env, **more)


class TestNames:
    def test_tags_are_the_document_of_the_command(self, repo: GitRepo, shipmark: Shipmark) -> None:
        report = tags(opened(repo, images=["r.example/app"]), TagsRequest())
        printed = shipmark("tags", "--image", "r.example/app", "--json", cwd=repo.path).json
        assert plain(report) == printed
        assert next(iter(printed)) == "schema"

    def test_version_is_the_document_of_the_command(self, repo: GitRepo, shipmark: Shipmark) -> None:
        report = version(opened(repo), VersionRequest())
        assert plain(report) == shipmark("version", "--json", cwd=repo.path).json
        assert (report.major, report.base, report.distance) == (1, "v1.4.2", 1)

    def test_one_workspace_answers_for_each_component(self, repo: GitRepo) -> None:
        repo.write({"shipmark.yml": CONFIG})
        workspace = opened(repo)
        found = [tags(workspace, TagsRequest(component=name)) for name in ("api", "web")]
        assert [one.references[-1] for one in found] == ["r.example/api:main", "r.example/web:main"]
        with pytest.raises(ConfigError, match="several components: api, web"):
            tags(workspace, TagsRequest())

    def test_next_version_changes_nothing_unless_it_is_asked_to(self, repo: GitRepo) -> None:
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

    def test_no_next_version_is_none_and_a_note(self, repo: GitRepo) -> None:
        repo.tag("v1.5.0")
        notes = Notes()
        assert next_version(opened(repo, sink=notes), NextVersionRequest()) is None
        assert "no commit since `v1.5.0` asks for a release" in notes.texts[0]

    def test_metadata_fills_what_is_not_given_from_the_config(
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
