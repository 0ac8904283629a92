"""Components for folders with a Dockerfile: whatever the folders are called, no two share a name or a prefix."""

from __future__ import annotations

import pytest

from release.app.setup.init.component_folders import component_drafts


@pytest.mark.parametrize(
    ("folders", "prefixes"),
    [
        (["api", "web"], {"api": "api/", "web": "web/"}),
        (["services/api"], {"services-api": "services/api/"}),
        (["a b", "a-b"], {"a-b": "a-b/", "a-b-2": "a-b-2/"}),
        (["a-b", "a b"], {"a-b": "a-b/", "a-b-2": "a-b-2/"}),
        (["..a", "b.lock"], {"a": "a/", "b-lock": "b-lock/"}),
        (["Ü", "日"], {"u": "Ü/", "part": "日/"}),
    ],
)
def test_each_folder_becomes_a_component_with_a_name_and_a_prefix_of_its_own(
    folders: list[str], prefixes: dict[str, str]
) -> None:
    drafts = component_drafts("r.example/x", [f"{folder}/Dockerfile" for folder in folders])
    assert {one.name: one.section["prefix"] for one in drafts} == prefixes
    assert [one.section["build"]["context"] for one in drafts] == folders
