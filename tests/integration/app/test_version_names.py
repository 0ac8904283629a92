"""How the rules of a component name versions, seen from what they put around a version that nobody has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from release.app.releases.version_tags import names_of
from release.app.workspace import open_workspace
from release.tagging.version_names import VersionNames
from tests.support.releases.git import GitRepo

PLAIN: dict[str, Any] = {"image": "oci:dist/x"}


@pytest.mark.parametrize("versions", ["semver", "semver-loose", "calver"])
@pytest.mark.parametrize(
    ("keys", "around"),
    [
        ({}, None),
        ({"tags": ["type=match,pattern=v(.+),group=1"]}, None),
        ({"tags": ["type=match,pattern=v.+"]}, ("v", "")),
        ({"tags": ["type=ref,event=tag", "type=raw,value=stable"]}, ("v", "")),
        ({"tags": ["type=match,pattern=v(.+),group=1,suffix=-slim"]}, ("", "-slim")),
        ({"tags": ["type=ref,event=tag"], "flavor": "prefix=api-,suffix=-slim"}, ("api-v", "-slim")),
        ({"tags": ["type=sha"]}, None),
        ({"tags": ["type=ref,event=branch"]}, None),
        ({"tags": ["type=raw,value={{prerelease}}"], "flavor": "suffix=-b"}, None),
    ],
    ids=["default", "plain", "match", "ref", "suffix", "flavor", "commit", "branch", "prerelease"],
)
def test_text_around_a_version_is_that_of_the_rule(
    git_repo: GitRepo, versions: str, keys: dict[str, Any], around: tuple[str, str] | None
) -> None:
    git_repo.commit("one", files={"shipmark.yml": json.dumps({**PLAIN, "versions": versions, **keys})})
    session = open_workspace(str(git_repo.path), env=git_repo.env)
    wanted = None if around is None else VersionNames(before=around[0], after=around[1])
    assert names_of(session, session.components[0]) == wanted


def test_version_without_a_scheme_has_no_name_by_rules(git_repo: GitRepo) -> None:
    config = {**PLAIN, "versions": "none", "tags": ["type=ref,event=tag"]}
    git_repo.commit("one", files={"shipmark.yml": json.dumps(config)})
    session = open_workspace(str(git_repo.path), env=git_repo.env)
    assert names_of(session, session.components[0]) is None


def test_component_beside_another_one_in_its_repository_shares_it(git_repo: GitRepo) -> None:
    alpine = {**PLAIN, "tags": ["type=semver,pattern={{version}}-alpine"], "prefix": "alpine/"}
    config = {"components": {"app": PLAIN, "alpine": alpine}}
    git_repo.commit("one", files={"shipmark.yml": json.dumps(config)})
    session = open_workspace(str(git_repo.path), env=git_repo.env)
    app, other = session.components
    assert names_of(session, app) is None
    assert names_of(session, other) == VersionNames(before="", after="-alpine", shared=True)
