"""A drawn project with a git remote, two clones, and its registry; and whether the registry holds what it must."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.lives.parts import LONG_PREFIX, NAMINGS, PREFIXED, SUFFIXED, Pair, Part
from tests.support.programs.command import Result, Shipmark
from tests.support.registries.registry import RegistryServer
from tests.support.releases.git import GitRepo

_FILES = {
    "Dockerfile": "FROM scratch\nARG WHO=app\nLABEL who=$WHO\nCOPY file /file\n",
    "file": "start\n",
    ".gitignore": ".shipmark/\n",
}


class LifeWorld:
    """A project with a git remote, two clones, and the registry of its releases. `story`: what happened, for people."""

    def __init__(self, folder: Path, seed: int, registry: RegistryServer) -> None:
        self._chance = random.Random(seed)
        self._folder, self._registry = folder, registry
        self.story: list[str] = []
        self.faults: list[str] = []
        self._commits = 0
        home = folder / "home"
        home.mkdir(parents=True)
        self._parts = self._draw_parts(f"life{seed}")
        self._is_mirrored = self._chance.random() < 0.3
        self._store = self._chance.choice(("file", "file", "git", "sqlite"))
        self._origin = GitRepo(folder / "origin", home=home)
        self._origin.commit("start", files={**_FILES, "shipmark.yml": json.dumps(self._config())})
        self._clones = [self._origin.clone(folder / f"clone{number}") for number in range(2)]
        self._commands = [Shipmark(folder, home) for _ in self._clones]
        for number, command in enumerate(self._commands):
            command.env = {**command.env, "SHIPMARK_CACHE_DIR": str(folder / f"cache{number}")}
        if self._store == "sqlite":
            self._call(0, "log", "migrate")

    def _draw_parts(self, name: str) -> list[Part]:
        chance = self._chance
        if chance.random() < 0.5:
            return [Part("app", f"{name}/app", "", chance.choice(NAMINGS))]
        if chance.random() < 0.6:
            return [Part(one, f"{name}/{one}", f"{one}/", chance.choice(NAMINGS)) for one in ("one", "two")]
        return [
            Part("one", f"{name}/all", "one/", SUFFIXED),
            Part("two", f"{name}/all", "two/", chance.choice((PREFIXED, LONG_PREFIX))),
        ]

    def _config(self) -> dict[str, Any]:
        log = {"store": self._store}
        if self._store == "sqlite":
            log = {"store": "sql", "url": f"sqlite:///{self._folder}/log.sqlite"}
        sections: dict[str, Any] = {}
        for part in self._parts:
            images = [f"{self._registry.host}/{place}" for place in self._places(part)]
            section = {
                "images": images,
                "prefix": part.prefix,
                "tags": part.naming.rules,
                "flavor": part.naming.flavor,
                "build": {"builder": "layers", "args": {"WHO": part.name}},
            }
            sections[part.name] = {key: value for key, value in section.items() if value}
        if len(sections) == 1:
            return {"log": log, **sections["app"]}
        return {"log": log, "components": sections}

    def _places(self, part: Part) -> list[str]:
        return [part.repository, f"{part.repository}-copy"] if self._is_mirrored else [part.repository]

    def close(self) -> None:
        """End every process."""
        for command in self._commands:
            command.close()

    def _chosen(self, part: Part) -> tuple[str, ...]:
        return ("--component", part.name) if len(self._parts) > 1 else ()

    def _at(self, part: Part, pair: Pair, number: int | None = None) -> int:
        return self._fetched(part.git_tag(pair), number)

    def _fetched(self, ref: str = "origin/main", number: int | None = None) -> int:
        """Check out `ref` on a machine, and return its number."""
        number = self._chance.randrange(2) if number is None else number
        repo = self._clones[number]
        repo.git("fetch", "--quiet", "--tags", "--force", "origin")
        repo.git("checkout", "--quiet", "--detach", ref)
        self.story.append(f"{number}$ git checkout {ref}")
        return number

    def _call(self, number: int, *args: str) -> Result:
        result = self._commands[number](*args, cwd=self._clones[number].path)
        self.story.append(f"{number}$ shipmark {' '.join(args)}  # exit {result.code}")
        return result

    # What must be there.

    def _expect(self, result: Result, code: int) -> bool:
        if result.code != code:
            self._fault(f"should exit {code}, exited {result.code}\n{result.stderr}")
        return result.code == code

    def _fault(self, text: str) -> None:
        self.story.append(f"FAULT: {text}")
        self.faults.append(text)

    def _compare(self) -> None:
        for repository in {part.repository: None for part in self._parts}:
            parts = [one for one in self._parts if one.repository == repository]
            wanted = {tag: (one.name, pair) for one in parts for tag, pair in one.tags().items()}
            fixed = {(one.name, pair): one.naming.fixed(pair) for one in parts for pair in one.released}
            for place in self._places(parts[0]):
                self._compare_tags(place, wanted, fixed)
        for part in self._parts:
            promoted = {tag: (part.name, pair) for tag, pair in part.promoted_tags().items()}
            own = {(part.name, pair): part.naming.fixed(pair) for pair in part.promoted}
            if promoted:
                self._compare_tags(f"{part.repository}-{part.name}-production", promoted, own)

    def _compare_tags(
        self,
        place: str,
        wanted: Mapping[str, tuple[str, Pair]],
        fixed: Mapping[tuple[str, Pair], str],
    ) -> None:
        have = {
            tag: digest
            for tag, digest in self._registry.tags(place).items()
            if tag != "shipmark-status" and not tag.startswith("sha-")
        }
        if lacks := sorted(wanted.keys() - have.keys()):
            self._fault(f"{place} lacks {lacks}")
        if more := sorted(have.keys() - wanted.keys()):
            self._fault(f"{place} has {more}, too")
        for tag, build in wanted.items():
            if tag in have and have[tag] != have.get(fixed[build]):
                holds = [name for name in fixed.values() if have.get(name) == have[tag]]
                self._fault(f"{place}:{tag} should hold {fixed[build]}, and holds {holds}")
