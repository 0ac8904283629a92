"""Tests the warnings about repositories and environments that, by the log, still have a yanked version."""

from __future__ import annotations

from typing import Any

from release.app.lifecycle.landings import still_standing
from release.log import Entry
from release.log.state import LogState, TagHold


def hold(version: str, project: str = "app") -> TagHold:
    digest = "sha256:" + "a" * 64
    return TagHold(seq=1, at="2026-01-01T00:00:00.000Z", digest=digest, version=version, project=project)


def deployed(environment: str, version: str, project: str = "app") -> Entry:
    fields: dict[str, Any] = {"kind": "deployed", "environment": environment, "version": version}
    return Entry(raw=b"", fields={**fields, "project": project})


def texts(holds: dict[tuple[str, str], tuple[TagHold, ...]], *entries: Entry) -> list[str]:
    state = LogState(holds=holds)
    notes = still_standing(state, entries, project="app", targets=["here"], yanks=["1.4.2"])
    return [note.text for note in notes]


def test_warning_names_moving_tags_of_other_repositories_on_a_yanked_version() -> None:
    found = texts(
        {
            ("prod", "latest"): (hold("1.4.1"), hold("1.4.2")),
            ("prod", "1"): (hold("1.4.2"),),
            ("prod", "1.4.2"): (hold("1.4.2"),),
            ("prod", "1.3"): (hold("1.4.2"), hold("1.3.9")),
            ("here", "latest"): (hold("1.4.2"),),
            ("web", "latest"): (hold("1.4.2", "web"),),
        }
    )
    assert found == ["`prod` still has 1.4.2 under `1`, `latest`"]


def test_warning_names_environments_whose_latest_deployment_is_yanked() -> None:
    entries = (
        deployed("staging", "1.4.2"),
        deployed("staging", "1.4.1"),
        deployed("production", "1.4.1"),
        deployed("production", "1.4.2"),
        deployed("other", "1.4.2", project="web"),
    )
    assert texts({}, *entries) == ["environment `production` runs 1.4.2, as far as the log knows"]


def test_no_warning_without_promotions_and_deployments() -> None:
    assert texts({}) == []
