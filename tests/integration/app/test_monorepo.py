"""A monorepo of 40 components and 5,000 commits: what concerns a component, and what does not."""

from __future__ import annotations

import json
import random

import pytest

from release.app.session import Session
from release.app.settings import Settings
from release.app.versions.next_version import NextVersionRequest, next_version
from release.config.components import Ownership, dependencies
from release.config.load import load
from release.control import Cancel
from release.git.changed_files import changed_files
from release.git.command import Git
from release.git.unreleased import unreleased_commits
from release.programs.processes import Processes
from release.versions.bump import step_of
from release.versions.commits import Commit, standing_changes
from tests.support.programs.command import Shipmark
from tests.support.releases import monorepo
from tests.support.releases.git import GitRepo

CONFIG = load(monorepo.config(), "shipmark.yml", {})
NAMES = [one.name for one in CONFIG.components]


class Mono:
    """A generated monorepo, with its planned commits and its commits as git lists them, newest first."""

    def __init__(self, repo: GitRepo) -> None:
        self.repo = repo
        self.plan = monorepo.planned()
        monorepo.make(repo, self.plan)
        self.git = Git(Processes(Cancel()), str(repo.path), repo.env)
        self.commits = unreleased_commits(self.git, repo.head, "c00/v1.0.0", paths=True)

    def session(self) -> Session:
        return Session(Settings(directory=str(self.repo.path), env=self.repo.env))


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Mono:
    folder = tmp_path_factory.mktemp("monorepo")
    return Mono(GitRepo(folder / "repo", home=folder))


def own_files(name: str, *, with_dependencies: bool = True) -> tuple[str, ...]:
    """Return the folders of a component and, unless excluded, of its dependencies, without using globs."""
    names = (name, *(dependencies(CONFIG.components, name) if with_dependencies else ()))
    return tuple(f"services/{one}/" for one in names)


def test_the_generated_monorepo_has_the_5000_planned_commits(mono: Mono) -> None:
    assert len(mono.commits) == monorepo.COMMITS == 5_000
    assert [(one.message, one.paths) for one in reversed(mono.commits)] == [
        (one.message, one.paths) for one in mono.plan
    ]


def test_commits_outside_of_a_component_never_change_its_version(mono: Mono) -> None:
    chance = random.Random(1)
    owners = Ownership(CONFIG.components)
    for name in NAMES:
        first = chance.randrange(len(mono.commits) - 200)
        span = mono.commits[first : first + 200]
        concerned = [one for one in span if any(path.startswith(own_files(name)) for path in one.paths)]
        assert len(concerned) < len(span)
        reach = owners.reach(name)
        assert step_of(standing_changes(span), reach=reach) == step_of(
            standing_changes(concerned), reach=reach
        )


def test_the_next_version_of_a_component_follows_from_its_own_commits_and_its_dependencies(
    mono: Mono,
) -> None:
    chance = random.Random(2)
    for name in chance.sample(NAMES, 3):
        number = chance.randrange(100)
        mono.repo.git("checkout", "--quiet", "--detach", f"main~{number}")
        mono.repo.git("tag", "--force", f"{name}/v1.0.0", f"main~{number + 60}")
        report = next_version(mono.session(), NextVersionRequest(component=name))
        plan = mono.plan[-number - 60 : len(mono.plan) - number]
        assert (None if report is None else report.version) == expected_version(plan, name)
    mono.repo.git("checkout", "--quiet", "main")


def expected_version(plan: list[monorepo.Planned], name: str) -> str | None:
    """Return the version after 1.0.0 that the commits require of the component, by a simple second algorithm."""
    ranks = {"feat!": 3, "feat": 2, "fix": 1, "perf": 1}
    found = 0
    for one in plan:
        rank = ranks.get(one.message.partition(":")[0], 0)
        if any(path.startswith(own_files(name, with_dependencies=False)) for path in one.paths):
            found = max(found, rank)
        elif any(path.startswith(own_files(name)) for path in one.paths):
            found = max(found, min(rank, 1))
    return {0: None, 1: "1.0.1", 2: "1.1.0", 3: "2.0.0"}[found]


def test_changed_files_since_a_commit_are_those_of_git_diff(mono: Mono) -> None:
    chance = random.Random(3)
    earlier = [one.id for one in chance.sample(mono.commits, 12)]
    found = changed_files(mono.git, mono.repo.head, [*earlier, "0" * 40, "no commit", mono.repo.head])
    assert set(found) == {*earlier, mono.repo.head}
    for commit in earlier:
        said = mono.repo.git("diff", "--no-renames", "--name-only", commit, "HEAD").splitlines()
        assert sorted(found[commit]) == sorted(said)
    assert found[mono.repo.head] == ()


def test_commits_outside_of_a_component_never_build_it(mono: Mono) -> None:
    chance = random.Random(4)
    owners = Ownership(CONFIG.components)
    for name in NAMES:
        concerned = [
            one for one in mono.commits if any(path.startswith(own_files(name)) for path in one.paths)
        ]
        span = outside_span(mono.commits, concerned, chance)
        head, base = span[0], span[-1].parents[0]
        files = changed_files(mono.git, head.id, [base])[base]
        assert files
        assert owners.concerning(name, files) == ""
        one = chance.choice(concerned)
        touched = changed_files(mono.git, one.id, [one.parents[0]])[one.parents[0]]
        assert owners.concerning(name, touched).startswith(own_files(name))


def outside_span(commits: tuple[Commit, ...], concerned: list[Commit], chance: random.Random) -> list[Commit]:
    """Return the longest run of commits without one of `concerned` that begins at one of 50 random commits."""
    inside = {one.id for one in concerned}
    found: list[Commit] = []
    for _ in range(50):
        start = chance.randrange(len(commits))
        run = []
        for one in commits[start:]:
            if one.id in inside:
                break
            run.append(one)
        found = max(found, run, key=len)
    return found


def test_a_release_of_one_component_never_moves_a_tag_of_another(mono: Mono, shipmark: Shipmark) -> None:
    chance = random.Random(5)
    chosen = sorted(chance.sample(NAMES, 4))
    options = [word for name in chosen for word in ("--component", name)]
    path = mono.repo.path

    def indexes() -> dict[str, str]:
        return {one.parent.name: one.read_text() for one in sorted(path.glob("dist/*/index.json"))}

    assert shipmark("run", *options, cwd=path).code == 0
    before = indexes()
    assert sorted(before) == chosen
    tag = f"{chosen[1]}/v3.0.0"
    mono.repo.git("tag", tag)
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": f"refs/tags/{tag}",
           "GITHUB_SHA": mono.repo.head, "GITHUB_REPOSITORY": "acme/app"}  # fmt: skip
    done = shipmark("run", "--json", *options, cwd=path, env=env)
    assert done.code == 0, done.stderr
    assert [one["component"] for one in json.loads(done.stdout)["releases"]] == [chosen[1]]
    after = indexes()
    assert [name for name in chosen if after[name] != before[name]] == [chosen[1]]
    matrix = json.loads(shipmark("preview", "--changed", "--json", cwd=path, env=env).stdout)
    assert [one["component"] for one in matrix["include"]] == [chosen[1]]
