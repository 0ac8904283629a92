"""Writes a log with everything that the HTML page shows: releases in each state, promotions, deployments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from release.log import Head
from release.log.chain import head_of, read_line
from release.log.sealing import seal
from release.log.timestamps import timestamp
from tests.support.logs.facts import digest

START = 1_750_000_000_000  # 2025-06-15
_DAY = 86_400_000
#: Projects of the log, each with one repository.
PROJECTS = ("ghcr.io/acme/api", "registry.example/acme/web")
REASON = "it eats mail"


def write_log(path: Path, count: int, texts: Mapping[str, str] | None = None) -> None:
    """Write a log with `count` releases. `texts`: what foreign texts say, instead of what `_TEXTS` says."""
    head = Head()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for number, fact in enumerate(_facts(count, {**_TEXTS, **(texts or {})})):
            line = seal(fact, head, timestamp(START + number * _DAY // 10))
            head = head_of(read_line(line))
            file.write(line + b"\n")


#: Texts that whoever writes to the log, or pushes a commit, chooses.
_TEXTS = {
    "reason": REASON,
    "environment": "prod",
    "evidence": "helm release 42",
    "branch_tag": "main",
    "remote": "https://github.com/acme/api",
    "run_url": "https://github.com/acme/api/actions/runs/",
    "run_id": "",
    "component": "",
    "git_tag": "",
}


def _facts(count: int, texts: dict[str, str]) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield from _release(number, texts)
        own = {"project": PROJECTS[number % 2], "version": f"1.{number}.0"}
        image = digest(f"{number:05}")
        if number % 10 == 3:
            tags = [{"name": name, "digest": image, "result": "moved"} for name in (own["version"], "stable")]
            places = {"from": own["project"], "to": "quay.io/acme/prod", "tags": tags}
            yield {"kind": "promoted", "digest": image, **own, **places}
        if number % 10 == 4:
            runs = {"environment": texts["environment"], "evidence": texts["evidence"]}
            yield {"kind": "deployed", "image": {"digest": image}, **own, **runs}
        if number % 10 == 5:
            yield {
                "kind": "yanked",
                "project": own["project"],
                "versions": [own["version"]],
                "reason": texts["reason"],
            }


def _release(number: int, texts: dict[str, str]) -> Iterator[dict[str, Any]]:
    is_branch, is_rc = number % 10 == 7, number % 10 == 8
    version = f"1.{number}.0-rc.1" if is_rc else f"1.{number}.0"
    moving = texts["branch_tag"] if is_branch else "next" if is_rc else "latest"
    key, project, image = (
        hashlib.sha256(str(number).encode()).hexdigest(),
        PROJECTS[number % 2],
        {"digest": digest(f"{number:05}")},
    )
    commit = key[:40]
    base = {
        "release": key,
        "project": project,
        "component": texts["component"],
        "commit": commit,
        "attempt": f"attempt-{number}",
        "ci": {
            "run_id": texts["run_id"] or str(9000 + number),
            "run_url": f"{texts['run_url']}{9000 + number}",
        },
    }
    yield {
        **base,
        "kind": "planned",
        "version": version,
        "channel": "branch" if is_branch else "prerelease" if is_rc else "release",
        "git_tag": texts["git_tag"],
        "source": {"remote": texts["remote"], "commit": commit},
        "targets": [{"target": project, "tags": [{"name": version}, {"name": moving, "kind": "moving"}]}],
    }
    if number % 10 == 9:
        yield {**base, "kind": "failed", "error": {"code": "BuildError", "exit": 4}}
        return
    yield {**base, "kind": "built", "image": image, "via": "build"}
    if number % 10 == 6:
        return
    tag = {"name": version, "digest": image["digest"], "result": "created"}
    yield {**base, "kind": "pushed", "target": project, "image": image, "tags": [tag]}
    yield {**base, "kind": "released", "version": version, "image": image}
    moved = {"name": moving, "digest": image["digest"], "result": "moved"}
    yield {**base, "kind": "moved", "target": project, "tags": [moved]}
