"""Releases whose tags come from a list of rules, on a real registry."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.releases.project import Project

RULES = [
    "type=semver,pattern={{version}}",
    {"type": "semver", "pattern": "{{major}}.{{minor}}"},
    {"type": "semver", "pattern": "{{major}}"},
    "type=ref,event=branch",
    "type=sha",
]


def test_release_gets_the_tags_of_its_rules(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=RULES, flavor="suffix=-slim,onlatest=true", labels={"from": "{{tag}}"})
    project.release_commit("v1.4.2")
    project.must("run")
    sha = f"sha-{project.repo.head[:7]}-slim"
    assert set(project.tags) == {"1.4.2-slim", "1.4-slim", "1-slim", "latest-slim", sha}
    assert len(set(project.tags.values())) == 1


def test_a_backport_by_rules_leaves_the_wide_tags(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=RULES)
    project.release_commit("v2.0.0")
    project.must("run")
    latest = project.tags["latest"]
    project.repo.branch("release/1.4", "v1.4.1")
    project.release_commit("v1.4.2")
    done = project.must("run")
    assert project.tags["latest"] == latest
    assert project.tags["1"] == project.tags["1.4.2"] != latest
    assert "latest" in project.must("preview").stdout
    assert done.code == 0


def test_the_same_run_again_changes_nothing(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=RULES)
    project.release_commit("v1.4.2")
    project.must("run")
    before, kinds = project.tags, project.kinds()
    project.must("run")
    assert (project.tags, project.kinds()) == (before, kinds)


def test_a_branch_build_by_rules_moves_its_branch(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=[*RULES, "type=describe"])
    project.repo.commit("one", files={"hello.txt": "one\n"})
    project.must("run")
    first = project.tags["main"]
    commit = project.repo.commit("more", files={"hello.txt": "other\n"})
    project.must("run")
    assert project.tags["main"] == project.tags[f"1.4.2-dev.2.g{commit[:12]}"] != first


def test_a_mistake_in_a_rule_names_its_line_and_changes_nothing(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.repo.write(
        {
            "shipmark.yml": f"image: {project.image}\ntags:\n  - type=sha\n  - type=semver,pattern={{{{#if x}}}}\n"
        }
    )
    project.repo.commit("rules")
    done = project("run")
    assert (done.code, project.tags) == (2, {})
    assert "shipmark.yml:4:25: a block is not supported in expressions" in done.stderr
