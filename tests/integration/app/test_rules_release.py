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


def test_release_gets_the_tags_of_the_configured_rules(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=RULES, flavor="suffix=-slim,onlatest=true", labels={"from": "{{tag}}"})
    project.release_commit("v1.4.2")
    project.must("run")
    sha = f"sha-{project.repo.head[:7]}-slim"
    assert set(project.tags) == {"1.4.2-slim", "1.4-slim", "1-slim", "latest-slim", sha}
    assert len(set(project.tags.values())) == 1


def test_a_backport_with_tag_rules_does_not_move_latest(make_project: Callable[..., Project]) -> None:
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


def test_a_repeated_release_with_tag_rules_changes_nothing(make_project: Callable[..., Project]) -> None:
    project = make_project(tags=RULES)
    project.release_commit("v1.4.2")
    project.must("run")
    before, kinds = project.tags, project.kinds()
    project.must("run")
    assert (project.tags, project.kinds()) == (before, kinds)


def test_a_branch_build_with_tag_rules_moves_the_tag_of_its_branch(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(tags=[*RULES, "type=describe"])
    project.repo.commit("one", files={"hello.txt": "one\n"})
    project.must("run")
    first = project.tags["main"]
    commit = project.repo.commit("more", files={"hello.txt": "other\n"})
    project.must("run")
    assert project.tags["main"] == project.tags[f"1.4.2-dev.2.g{commit[:12]}"] != first


def test_a_mistake_in_a_tag_rule_is_reported_with_its_line_and_no_tag_is_pushed(
    make_project: Callable[..., Project],
) -> None:
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


def test_tag_rules_without_a_fixed_tag_push_only_the_tags_that_they_make(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(tags=["type=raw,value=next", "type=raw,value={{env.CHANNEL}}"])
    env = {"CHANNEL": "edge"}
    project.must("run", env=env)
    first = project.tags
    assert set(first) == {"next", "edge"}
    assert len(set(first.values())) == 1
    kinds = project.kinds()
    assert kinds.count("released") == 1
    project.must("run", env=env)
    assert (project.tags, project.kinds()) == (first, kinds)
    project.lose_disk()  # the image is adopted by its tags
    project.must("run", env=env)
    assert project.tags == first
    project.release_commit()
    project.must("run", env=env)
    assert project.tags["next"] == project.tags["edge"] != first["next"]
    unset = project("run")
    assert (unset.code, "`env.CHANNEL` is not set" in unset.stderr) == (2, True)


FAT = "FROM scratch\nCOPY hello.txt /fat.txt\n"


def test_two_jobs_with_different_tag_rules_and_dockerfiles_do_not_take_each_others_image(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    project.repo.write({"Dockerfile.fat": FAT})
    project.release_commit("v1.4.2", files={"Dockerfile.fat": FAT, ".gitignore": "dist/\nshipmark.yml\n"})
    project.repo.git("rm", "--quiet", "--cached", "--ignore-unmatch", "shipmark.yml")
    project.repo.git("commit", "--quiet", "--amend", "--no-edit")
    project.repo.git("tag", "--force", "v1.4.2")
    fat = {"builder": "layers", "dockerfile": "Dockerfile.fat"}
    project.configure(tags=["type=raw,value=latest-fat"], build=fat)
    project.must("run")
    assert set(project.tags) == {"latest-fat"}
    project.lose_disk()  # the jobs share no log
    project.configure(tags=["type=semver,pattern={{version}}"])
    project.must("run")
    assert set(project.tags) == {"latest-fat", "1.4.2", "latest"}
    assert project.tags["1.4.2"] == project.tags["latest"] != project.tags["latest-fat"]
    # With one version tag for both, the second job is refused, also without a log.
    project.lose_disk()
    project.configure(tags=["type=semver,pattern={{version}}"], build=fat)
    refused = project("run")
    assert (refused.code, project.tags["1.4.2"]) == (6, project.tags["latest"])


def test_scheduled_rule_with_rebuild_builds_an_unchanged_commit_anew(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(tags=["type=schedule,pattern=nightly,rebuild=true", "type=sha"])
    nightly = {"SHIPMARK_CI": "tekton", "SHIPMARK_REF": "refs/heads/main", "SHIPMARK_EVENT": "schedule"}
    sha = f"sha-{project.repo.head[:7]}"
    project.must("run", env={**nightly, "SHIPMARK_EVENT": "push"})
    assert (set(project.tags), project.kinds().count("built")) == ({sha}, 1)
    for builds, tags in ((2, {sha, f"{sha}_r1", "nightly"}), (3, {sha, f"{sha}_r1", f"{sha}_r2", "nightly"})):
        project.must("run", env=nightly)
        assert (set(project.tags), project.kinds().count("built")) == (tags, builds)
    project.must("run", env={**nightly, "SHIPMARK_EVENT": "push"})
    assert project.kinds().count("built") == 3
