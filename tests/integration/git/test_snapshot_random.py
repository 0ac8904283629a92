"""The base and the distance in random histories, compared with a separate search in the same graph."""

from __future__ import annotations

import random

import pytest

from release.control import Cancel
from release.git.snapshot import snapshot
from release.programs.processes import Processes
from release.versions.semver import parse, precedence_key
from tests.support.releases.git import GitRepo

COMMITS = 40


class Graph:
    """A random git history: the parents of each commit, by number, and version tags on some commits."""

    def __init__(self, seed: int) -> None:
        choose = random.Random(seed)
        self.parents: list[tuple[int, ...]] = [()]
        for number in range(1, COMMITS):
            near = range(max(0, number - choose.choice([1, 4, 12])), number)
            count = choose.choice([1, 1, 1, 1, 2, 2, 3])
            self.parents.append(tuple(choose.sample(near, min(count, len(near)))))
        self.dates = [
            1_700_000_000 + choose.randint(-500, 500) * choose.choice([0, 1]) + n for n in range(COMMITS)
        ]
        texts = [f"{a}.{b}.0{rc}" for a in range(3) for b in range(3) for rc in ("", "-rc.1")]
        names = choose.sample(texts, choose.randint(0, 9))
        self.tags = {name: choose.randrange(COMMITS) for name in names}
        self.annotated = {name for name in names if choose.random() < 0.5}

    def ancestors(self, commit: int) -> set[int]:
        found, todo = {commit}, [commit]
        while todo:
            for parent in self.parents[todo.pop()]:
                if parent not in found:
                    found.add(parent)
                    todo.append(parent)
        return found

    def stream(self) -> str:
        who = "T <t@example.org>"
        lines = []
        for number, parents in enumerate(self.parents):
            when = self.dates[number]
            lines += [
                f"commit refs/heads/c{number}",
                f"mark :{number + 1}",
                f"committer {who} {when} +0000",
                f"data {len(str(number))}",
                str(number),
            ]
            lines += [f"{'merge' if place else 'from'} :{parent + 1}" for place, parent in enumerate(parents)]
            lines.append("")
        for name, commit in self.tags.items():
            if name in self.annotated:
                lines += [
                    f"tag v{name}",
                    f"from :{commit + 1}",
                    f"tagger {who} 1700000000 +0000",
                    "data 1",
                    "t",
                ]
            else:
                lines += [f"reset refs/tags/v{name}", f"from :{commit + 1}", ""]
        return "\n".join(lines) + "\n"

    def expected(self, head: int) -> tuple[str, int] | int | None:
        """Return the expected base and distance; the number of commits if there is no base; None at a release."""
        below = self.ancestors(head)
        if head in self.tags.values():
            return None
        reachable = [name for name, commit in self.tags.items() if commit in below]
        if not reachable:
            return len(below)
        base = max(reachable, key=lambda name: precedence_key(parse(name)))
        return f"v{base}", len(below - self.ancestors(self.tags[base]))

    def nearest_distance(self, head: int) -> int | None:
        below = self.ancestors(head)
        tagged = [commit for commit in self.tags.values() if commit in below]
        return min((len(below - self.ancestors(commit)) for commit in tagged), default=None)


@pytest.mark.parametrize("seed", range(8))
def test_base_and_distance_in_random_histories_are_those_of_a_graph_search(
    git_repo: GitRepo, seed: int
) -> None:
    graph = Graph(seed)
    git_repo.git("fast-import", "--quiet", stdin=graph.stream())
    if seed % 2:
        git_repo.git("pack-refs", "--all")
    process = Processes(Cancel())
    for head in random.Random(seed).sample(range(COMMITS), 8):
        git_repo.git("update-ref", "--no-deref", "HEAD", git_repo.git("rev-parse", f"c{head}"))
        taken = snapshot(process, str(git_repo.path), env=git_repo.env)
        found = taken.describe and (taken.describe.git_tag, taken.describe.distance)
        assert (found or taken.commit_count) == graph.expected(head), (seed, head)
        assert taken.committed_at == graph.dates[head]
        assert len(taken.parents) == len(graph.parents[head])
        near = snapshot(process, str(git_repo.path), env=git_repo.env, base="nearest").describe
        if graph.expected(head) is not None:
            assert (near and near.distance) == graph.nearest_distance(head), (seed, head)
