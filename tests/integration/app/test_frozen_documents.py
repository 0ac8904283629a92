"""Frozen: what `preview`, `run`, `promote` and `rollback` print, and what they record, with changing values renamed.

Values that differ between machines (host, digests, commits, times) are replaced by names in the order in which they
appear. `FREEZE_DOCUMENTS=1` writes the files anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from release.log.records.kinds import KINDS
from tests.support.releases.project import Project

GOLDEN = Path(__file__).parent / "golden"
_CHANGING = re.compile(r"(?:sha256:)?\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{12}\b")
_OF_THE_MACHINE = frozenset({"at", "duration_ms", "actor", "size", "codec", "tools"})


class Frozen:
    """Compares texts with golden files, after replacing values that change from run to run."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._names: dict[str, str] = {}

    def same(self, name: str, text: str) -> None:
        """Assert that `text` equals the golden file `name`, or write the file if `FREEZE_DOCUMENTS` is set."""
        stable = _CHANGING.sub(self._name, text.replace(self._host, "REGISTRY"))
        path = GOLDEN / name
        if os.environ.get("FREEZE_DOCUMENTS"):
            path.write_text(stable)
        assert stable == path.read_text()

    def _name(self, found: re.Match[str]) -> str:
        whole = found.group()
        kind = {71: "digest", 64: "hash", 40: "commit", 32: "token", 12: "short"}[len(whole)]
        return self._names.setdefault(whole, f"<{kind} {len(self._names)}>")


def _stable(value: Any) -> Any:
    """Return `value` without members that differ between machines or runs."""
    if isinstance(value, dict):
        return {name: _stable(item) for name, item in value.items() if name not in _OF_THE_MACHINE}
    if isinstance(value, list):
        return [_stable(item) for item in value]
    return value


def _entries(project: Project) -> str:
    """Return the entries of the log as text, without the members of the hash chain."""
    chain = {"id", "hash", "prev"}
    entries = [{key: entry[key] for key in sorted(entry.keys() - chain)} for entry in project.log]
    return "".join(f"{json.dumps(_stable(entry), indent=1)}\n" for entry in entries)


def test_json_documents_and_log_records_equal_their_golden_files(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(project="acme/app", attest="release")
    project.must("run")
    project.release_commit("v1.4.2")
    frozen = Frozen(project.registry.host)
    prod = f"{project.registry.host}/acme/prod"
    promotion = ("promote", f"{project.image}:1.4.2", "--to", f"{prod}:1.4.2,1,stable", "--reason", "tested")
    commands = {
        "preview": ("preview",),
        "run": ("run",),
        "run-again": ("run",),
        "promote-preview": (*promotion, "--preview"),
        "promote": promotion,
        "promote-again": promotion,
        "rollback-preview": ("rollback", "--to", "1.4.1", "--reason", "it eats data", "--preview"),
        "rollback": ("rollback", "--to", "1.4.1", "--reason", "it eats data"),
        "rollback-again": ("rollback", "--to", "1.4.1", "--reason", "it eats data"),
    }
    for name, command in commands.items():
        result = project.must(*command, "--json", "--result-file", "dist.env")
        frozen.same(f"{name}.json", result.stdout)
        written = (project.repo.path / "dist.env").read_text()
        frozen.same(f"{name}.env", re.sub(r"(?m)^(SHIPMARK_)?JSON=.*\n", "", written, flags=re.IGNORECASE))
        (project.repo.path / "dist.env").unlink()
    frozen.same("log.txt", _entries(project))
    for entry in project.log:
        assert entry.keys() - {"kind"} <= {
            one.encode_name for one in msgspec.structs.fields(KINDS[entry["kind"]])
        }


def test_printed_texts_equal_their_golden_files(make_project: Callable[..., Project]) -> None:
    project = make_project(project="acme/app")
    project.must("run")
    project.release_commit("v1.4.2")
    frozen = Frozen(project.registry.host)
    to = f"{project.registry.host}/acme/prod:stable"
    commands = {
        "preview": ("preview",),
        "preview-offline": ("preview", "--offline", "-v"),
        "run": ("run",),
        "promote-preview": ("promote", f"{project.image}:1.4.2", "--to", to, "--preview"),
        "promote": ("promote", f"{project.image}:1.4.2", "--to", to),
        "rollback-preview": ("rollback", "--to", "1.4.1", "--reason", "it eats data", "--preview"),
        "rollback": ("rollback", "--to", "1.4.1", "--reason", "it eats data"),
    }
    for name, command in commands.items():
        # Columns are as wide as the registry's port has digits.
        frozen.same(f"{name}.txt", re.sub(" {2,}", "  ", project.must(*command).stdout))
