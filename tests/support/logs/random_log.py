"""Logs of random but valid facts of two projects, in every shape that the questions to a log tell apart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from release.log import Entry, Head
from release.log.chain import head_of
from release.log.identity import checked, fact_id
from release.log.sealing import seal_all
from release.log.timestamps import timestamp
from tests.support.logs.facts import PROJECT, digest, fact, moved, pushed, whole_release

MIRROR = "mirror.example/app"
OTHER = "registry.example/other/app"
_START = 1_760_000_000_000


def random_facts(seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the facts of one append after another, without end."""
    luck = random.Random(seed)
    number = 0
    while True:
        number += 1
        project = luck.choice((PROJECT, PROJECT, OTHER))
        name = f"{number:04x}"
        version = f"1.{number % 7}.{number}{luck.choice(('', '', '', '-rc.1', '-beta.2'))}"
        facts = whole_release(name, version, f"{name}-image")
        for one in facts:
            one["project"] = project
            one["commit"] = name * 10
        if luck.random() < 0.2:
            facts[0]["channel"] = "branch"
        if luck.random() < 0.2:
            facts[0]["git_tag"] = f"v{version}"
        if luck.random() < 0.15:
            facts[0]["rebuild"] = facts[3]["rebuild"] = 1 + number % 3
        tags = [
            {"name": tag, "digest": digest(f"{name}-image"), "result": "moved"} for tag in ("1", "latest")
        ]
        facts.append(moved(name, f"{name}-image", target=MIRROR, tags=tags, project=project))
        yield facts[: luck.choice((1, 3, 5, 6, 6, 6))]
        if luck.random() < 0.5:
            yield [_beside(luck, number, project, version, name)]


def _beside(luck: random.Random, number: int, project: str, version: str, name: str) -> dict[str, Any]:
    image = digest(f"{name}-image")
    common = {"project": project, "reason": str(number)}
    match luck.randrange(8):
        case 0:
            return {
                **common,
                "kind": "yanked",
                "versions": [version],
                "number": 1 + number % 3,
                "follows": number,
            }
        case 1:
            return {**common, "kind": "restored", "versions": [version], "number": 2, "follows": number}
        case 2:
            return {**common, "kind": "status", "version": version, "status": "prerelease", "number": 1}
        case 3:
            tags = [{"name": luck.choice(("production", "latest")), "digest": image}]
            return {
                **common,
                "kind": "promoted",
                "digest": image,
                "to": MIRROR,
                "tags": tags,
                "follows": number,
            }
        case 4:
            return {"kind": "pruned", "project": project, "target": PROJECT, "tags": [{"name": "latest"}]}
        case 5:
            where = luck.choice(("production", "staging"))
            of = {"environment": where, "image": {"digest": image}, "target": PROJECT, "version": version}
            return {"kind": "deployed", "project": project, "follows": number, **of}
        case 6:
            return fact("abandoned", name, f"attempt-{name}", reason="lost", lost=image, project=project)
        case _:
            return pushed(name, f"{name}-image", tag=version, target=MIRROR, project=project)


def random_entries(seed: int, count: int) -> list[Entry]:
    """At least `count` entries; the clock of some writers is wrong."""
    luck, head = random.Random(seed), Head()
    entries: list[Entry] = []
    seen: set[str] = set()
    for facts in random_facts(seed):
        if len(entries) >= count:
            return entries
        new = {fact_id(one): checked(one) for one in facts}
        new = {identity: one for identity, one in new.items() if identity not in seen}
        if not new:
            continue
        seen |= new.keys()
        skew = luck.choice((0, 0, 0, -90_000, 3_600_000))
        entries += seal_all(new, head, timestamp(_START + len(entries) * 1000 + skew))
        head = head_of(entries[-1])
    raise AssertionError
