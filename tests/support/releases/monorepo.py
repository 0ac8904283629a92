"""A monorepo of 40 components with dependencies and 5,000 commits, made by `git fast-import` in a second."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import NamedTuple

from tests.support.programs.environment import EPOCH
from tests.support.releases.git import GitRepo

COMPONENTS = 40
COMMITS = 5_000
_WHO = "Ada Tester <ada@example.org>"
_TYPES = ("feat", "fix", "docs", "chore", "perf", "feat!", "refactor")


class Planned(NamedTuple):
    """One commit of the monorepo: its message, and the files that it changes."""

    message: str
    paths: tuple[str, ...]


def name_of(number: int) -> str:
    """Return a component's name, such as `c07` for 7."""
    return f"c{number:02}"


def depends_on(number: int) -> tuple[str, ...]:
    """Return a component's direct dependencies, which have lower numbers, so that there is no circle."""
    return tuple(name_of(other) for other in sorted({number // 2, number // 3} - {number, 0}))


def config() -> str:
    """Return the content of the monorepo's `shipmark.yml`."""
    components = {
        name_of(number): {
            "image": f"oci:dist/{name_of(number)}",
            "prefix": f"{name_of(number)}/",
            "paths": [f"services/{name_of(number)}/**"],
            "depends": list(depends_on(number)),
            "build": {"builder": "layers", "context": f"services/{name_of(number)}"},
        }
        for number in range(COMPONENTS)
    }
    return json.dumps({"components": components})


def planned(seed: int = 7, commits: int = COMMITS) -> list[Planned]:
    """Return the planned commits after the first one, oldest first. Equal seeds give equal commits."""
    chance = random.Random(seed)  # no secret depends on it
    found = []
    for number in range(commits):
        names = [name_of(chance.randrange(COMPONENTS)) for _ in range(chance.choice((1, 1, 1, 2)))]
        paths = {f"services/{name}/src/{chance.randrange(20)}.txt" for name in names}
        if chance.random() < 0.15:
            paths = {f"docs/{chance.randrange(50)}.md"}
        elif chance.random() < 0.05:
            paths.add(f"docs/{chance.randrange(50)}.md")
        found.append(Planned(f"{chance.choice(_TYPES)}: change {number}", tuple(sorted(paths))))
    return found


def make(repo: GitRepo, plan: list[Planned]) -> None:
    """Fill an empty repository: a first commit with all components, tagged `cNN/v1.0.0`, and the planned commits."""
    repo.git("fast-import", "--quiet", stdin="".join(_stream(plan)))
    repo.git("pack-refs", "--all")
    repo.git("reset", "--quiet", "--hard", "main")


def _stream(plan: list[Planned]) -> Iterator[str]:
    files = {"shipmark.yml": config(), ".gitignore": "dist/\n.shipmark/\n"}
    for number in range(COMPONENTS):
        folder = f"services/{name_of(number)}"
        files[f"{folder}/Dockerfile"] = "FROM scratch\nCOPY src /src\n"
        files |= {f"{folder}/src/{one}.txt": f"{number} {one}\n" for one in range(20)}
    yield _commit(1, "feat: start", files)
    for number in range(COMPONENTS):
        yield f"reset refs/tags/{name_of(number)}/v1.0.0\nfrom :1\n\n"
    for number, one in enumerate(plan, start=2):
        yield _commit(number, one.message, {path: f"{path} {number}\n" for path in one.paths})


def _commit(mark: int, message: str, files: dict[str, str]) -> str:
    head = f"commit refs/heads/main\nmark :{mark}\ncommitter {_WHO} {EPOCH + mark * 60} +0000\n"
    body = "".join(
        f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n" for path, text in files.items()
    )
    return f"{head}data {len(message.encode())}\n{message}\n{body}\n"
