"""This version reads workspaces of shipmark 0.1.0 and continues their releases, or refuses them with the reason.

`tests/compat/write_workspaces.py` wrote the workspaces with 0.1.0 itself. In each workspace v1.4.0 and v1.4.1 are
released, HEAD is v1.4.2, and the release of v1.4.2 is in the state that the name of the workspace describes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compat.workspaces import FOLDER, Workspace, unpacked
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

NAMES = sorted(path.name.removesuffix(".tar.gz") for path in FOLDER.glob("*.tar.gz"))
CONFIGS = json.loads((FOLDER.parent / "configs.json").read_text())
DOCUMENTS = json.loads((FOLDER / "documents.json").read_text())
LEFT = {
    *(f"{store}-killed" for store in ("file", "git", "sqlite", "postgresql")),
    *("file-lost", "git-lost", "git-parked", "file-torn", "file-planned"),
}


@pytest.fixture
def frozen(tmp_path: Path, shipmark: Shipmark, request: pytest.FixtureRequest) -> Callable[[str], Workspace]:
    """Give a function that unpacks a workspace of shipmark 0.1.0 by its name."""
    home = Path(shipmark.env["HOME"])
    return lambda name: unpacked(name, tmp_path / "frozen", home, request)


def tags_of(workspace: Workspace) -> dict[str, str]:
    """Return the tags of the workspace's OCI layout: tag -> digest."""
    index = json.loads((workspace.repo.path / "dist/image/index.json").read_text())
    name = "org.opencontainers.image.ref.name"
    return {
        one["annotations"][name]: one["digest"] for one in index["manifests"] if name in one["annotations"]
    }


def require_members(old: Any, new: Any, where: str) -> None:
    """Require that the new document has every member of the old one, with equal values."""
    if isinstance(old, dict):
        assert isinstance(new, dict), where
        assert set(old) <= set(new), f"{where}: {set(old) - set(new)}"
        for name, value in old.items():
            require_members(value, new[name], f"{where}.{name}")
    elif isinstance(old, list):
        assert isinstance(new, list), where
        assert len(old) == len(new), where
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            require_members(one, other, f"{where}[{number}]")
    else:
        assert old == new, where


def test_a_workspace_of_0_1_0_exists_for_every_state_and_log_store() -> None:
    assert set(NAMES) == LEFT


@pytest.mark.parametrize("name", NAMES)
def test_log_of_0_1_0_is_read_as_0_1_0_read_it_and_its_release_is_finished(
    name: str, frozen: Callable[[str], Workspace], shipmark: Shipmark
) -> None:
    workspace = frozen(name)
    said = json.loads((FOLDER / f"{name}.json").read_text())
    listed = workspace.must(shipmark, "log", "list", "--json").json
    require_members(said["list"], listed, "list")
    shown = workspace.must(shipmark, "log", "show", "1.4.1", "--json").json
    require_members(said["show"], shown, "show")
    history = workspace.must(shipmark, "log", "history", "oci:dist/image:latest", "--json").json
    require_members(said["history"], history, "history")
    before = tags_of(workspace)
    workspace.must(shipmark, "run")
    after = tags_of(workspace)
    assert {tag: after[tag] for tag in ("1.4.0", "1.4.1")} == {tag: before[tag] for tag in ("1.4.0", "1.4.1")}
    assert {after[tag] for tag in ("1.4.2", "1.4", "1", "latest")} == {after["1.4.2"]}
    # What is visible is never built again.
    assert before.get("1.4.2", after["1.4.2"]) == after["1.4.2"]
    assert "the chain is whole" in workspace.must(shipmark, "log", "verify").stdout
    releases = workspace.must(shipmark, "log", "list", "--json").json["releases"]
    assert [[one["version"], one["state"]] for one in releases] == [
        [version, "released"] for version in ("1.4.2", "1.4.1", "1.4.0")
    ]


@pytest.mark.parametrize("name", ["file-lost", "git-lost"])
def test_facts_that_0_1_0_kept_in_a_file_are_imported(
    name: str, frozen: Callable[[str], Workspace], shipmark: Shipmark
) -> None:
    workspace = frozen(name)
    (kept,) = (workspace.repo.path / ".shipmark").glob("unrecorded-*.jsonl")
    facts = [json.loads(line)["fact"] for line in kept.read_text().splitlines()]
    added = workspace.must(shipmark, "log", "import", str(kept), "--json").json["added"]
    assert added == len(facts) > 0
    assert workspace.must(shipmark, "log", "import", str(kept), "--json").json["added"] == 0
    shown = workspace.must(shipmark, "log", "show", "1.4.2", "--json").json["entries"]
    assert [one["kind"] for one in shown][-added:] == [fact["kind"] for fact in facts]


def test_facts_that_0_1_0_parked_in_inbox_refs_are_appended_by_the_next_run(
    frozen: Callable[[str], Workspace], shipmark: Shipmark
) -> None:
    workspace = frozen("git-parked")
    assert "refs/shipmark/inbox/" in workspace.repo.git("ls-remote", "origin")
    workspace.must(shipmark, "run")
    assert "refs/shipmark/inbox/" not in workspace.repo.git("ls-remote", "origin")
    shown = workspace.must(shipmark, "log", "show", "1.4.2", "--json").json["entries"]
    assert [one["kind"] for one in shown].count("pushed") == 1


def test_a_torn_entry_at_the_end_of_a_log_of_0_1_0_is_copied_and_cut_off(
    frozen: Callable[[str], Workspace], shipmark: Shipmark
) -> None:
    workspace = frozen("file-torn")
    log = workspace.repo.path / ".shipmark" / "log.jsonl"
    torn = log.read_bytes().rpartition(b"\n")[2]
    assert torn
    workspace.must(shipmark, "run")
    (aside,) = log.parent.glob("log.jsonl.torn-*")
    assert aside.read_bytes() == torn


def test_images_of_0_1_0_are_adopted_if_the_log_is_lost(
    frozen: Callable[[str], Workspace], shipmark: Shipmark
) -> None:
    """Images of 0.1.0 have no label for their inputs, so they are recognised by revision and version."""
    workspace = frozen("file-planned")
    shutil.rmtree(workspace.repo.path / ".shipmark")
    before = tags_of(workspace)
    workspace.repo.checkout("v1.4.1")
    workspace.must(shipmark, "run")
    assert tags_of(workspace) == before
    shown = workspace.must(shipmark, "log", "show", "1.4.1", "--json").json["entries"]
    (built,) = (one for one in shown if one["kind"] == "built")
    assert built["image"]["digest"] == before["1.4.1"]


def test_a_plan_file_of_0_1_0_is_executed(frozen: Callable[[str], Workspace], shipmark: Shipmark) -> None:
    """The plan is executed while both versions have one schema of plans; a plan of another schema is refused."""
    workspace = frozen("file-planned")
    workspace.must(shipmark, "run", "--plan", "plan.json")
    assert "1.4.2" in tags_of(workspace)
    plan = workspace.repo.path / "plan.json"
    plan.write_text(plan.read_text().replace("shipmark.plan/1", "shipmark.plan/0"))
    refused = workspace.run(shipmark, "run", "--plan", "plan.json")
    assert refused.code == 2
    assert "shipmark.plan/" in refused.stderr


def shape(document: Any) -> Any:
    """Return the keys of a JSON document, nested; a list is represented by the keys of all its members."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        together: dict[str, Any] = {}
        for one in document:
            if isinstance(one, dict):
                together |= shape(one)
        return [together]
    return None


def require_keys(old: Any, new: Any, where: str) -> None:
    if isinstance(old, dict):
        assert isinstance(new, dict), where
        assert set(old) <= set(new), f"{where}: {set(old) - set(new)}"
        for name, value in old.items():
            require_keys(value, new[name], f"{where}.{name}")
    elif isinstance(old, list):
        assert isinstance(new, list), where
        require_keys(old[0], new[0], where)


def test_every_json_document_has_the_keys_that_0_1_0_printed(
    frozen: Callable[[str], Workspace], shipmark: Shipmark
) -> None:
    workspace = frozen("file-planned")
    for name, old in sorted(DOCUMENTS.items(), key=lambda item: item[0] == "run"):
        new = workspace.must(shipmark, *old["command"]).json
        assert new.get("schema") == old["document"].get("schema"), name
        require_keys(shape(old["document"]), shape(new), name)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_config_has_the_values_that_0_1_0_read(
    name: str, git_repo: GitRepo, shipmark: Shipmark
) -> None:
    git_repo.commit("start", {"shipmark.yml": CONFIGS[name]["config"]})
    shown = shipmark("config", "show", cwd=git_repo.path)
    assert shown.code == 0, shown.stderr
    require_members(CONFIGS[name]["shown"], shown.json, name)
