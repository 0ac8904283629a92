"""Prunes of repositories whose tags are named by rules in `tags:`: rules of retention know the versions."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.releases.project import Project

RETENTION = {
    "delete": [{"match": "*"}],
    "keep": [{"semver": True, "newest": 2}],
    "grace": "0s",
    "limits": {"max_fraction": 1, "min_keep": 0},
}


def _going(project: Project) -> set[str]:
    """Return the tags that a prune would delete, also those that the registry cannot delete alone."""
    (one,) = project.must("prune", "--json").json["repositories"]
    loose = {tag["tag"] for tag in (*one["untagged"], *one["shared"])}
    return {tag for image in one["deleted"] for tag in image["tags"]} | loose


def test_newest_versions_and_moving_tags_stay_under_the_names_that_rules_give_them(
    make_project: Callable[..., Project],
) -> None:
    rules = ["type=semver,pattern=v{{version}}", "type=semver,pattern=v{{major}}.{{minor}}"]
    flavor = "suffix=-alpine,onlatest=true"
    project = make_project(tags=rules, flavor=flavor, retention=RETENTION)
    for version in ("v1.9.0", "v1.10.0", "v1.11.0"):
        project.release_commit(version)
        project.must("run")
    assert {"v1.9.0-alpine", "v1.10.0-alpine", "v1.11.0-alpine"} <= project.tags.keys()
    assert _going(project) == {"v1.9.0-alpine"}
    assert {"v1.9-alpine", "v1.11-alpine", "latest-alpine"} <= project.tags.keys()


def test_components_that_share_a_repository_keep_their_own_newest_versions(
    make_project: Callable[..., Project],
) -> None:
    project = make_project()
    parts = {
        name: {
            "image": project.image,
            "prefix": f"{name}/",
            "flavor": "latest=false",
            "tags": [f"type=semver,pattern={name}-{{{{version}}}}"],
            "build": {"builder": "layers", "args": {"VERSION": name}},
        }
        for name in ("api", "web")
    }
    project.configure(
        image=None,
        project="acme",
        components=parts,
        retention={**RETENTION, "keep": [{"semver": True, "newest": 1}]},
    )
    for tags in (("api/v1.0.0", "web/v8.0.0"), ("api/v1.1.0", "web/v9.0.0")):
        project.release_commit(*tags)
        project.must("run")
    assert _going(project) == {"api-1.0.0", "web-8.0.0"}
