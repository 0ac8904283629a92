"""`metadata`'s guard: which releases a tag is compared with, which names belong to no line, and when it warns."""

from __future__ import annotations

import pytest

from release.tagging.metadata import Metadata, MetadataContext, evaluate, read_inputs
from release.tagging.model import KnownFrom, KnownReleases, KnownVersion
from release.tagging.rules.github import github_run
from release.tagging.rules.lines import names_one_run
from release.versions.semver import parse_tag_name

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"


def metadata(git_tag: str, rules: str, *others: str, git: bool = True, flavor: str = "") -> Metadata:
    """Return metadata's outputs for a run of `git_tag` in a repository that also has the git tags `others`."""
    names = (git_tag, *others)
    versions = [version for name in names if (version := parse_tag_name(name)) is not None]
    run = github_run({"GITHUB_REF": f"refs/tags/{git_tag}", "GITHUB_SHA": SHA}, {}, now=1_700_000_000_000)
    known = KnownReleases(
        versions=tuple(KnownVersion(version=one, source="git tag") for one in versions),
        known_from=KnownFrom(git="complete"),
    )
    context = MetadataContext(run=run, known=known if git else None, git_tags=names if git else ())
    return evaluate(read_inputs(tags=rules, flavor=flavor), context)


def version_rules(match: str) -> str:
    return "\n".join(
        f"type=semver,pattern={one},match={match}"
        for one in ("{{version}}", "{{major}}.{{minor}}", "{{major}}")
    )


API = version_rules("api/v(.*)")
STABLE = API + "\ntype=raw,value=stable"
PART = r"type=match,pattern=api/v(\d+\.\d+),group=1"

#: git tag, rules, other tags, tags that are set, tags that are withheld.
LINES = [
    ("api/v1.2.0", API, ["v2.0.0"], ["1.2.0", "1.2", "1", "latest"], []),
    ("api/v1.2.0", API, ["v2.0.0", "api/v1.3.0"], ["1.2.0", "1.2"], ["1", "latest"]),
    ("api/v1.2.0", API, ["web/v9.0.0", "api/v1.2.1"], ["1.2.0"], ["1.2", "1", "latest"]),
    ("api/v1.2.0", version_rules("^api/v(.*)$"), ["api/v2.0.0-rc.1", "api/v1.x"], ["1.2.0", "1.2", "1", "latest"], []),
    ("v1.2.0", version_rules("v(.*)"), ["api/v5.0.0"], ["1.2.0", "1.2", "1", "latest"], []),
    ("v1.2.0", version_rules("v(.*)"), ["v1.3.0", "api/v5.0.0"], ["1.2.0", "1.2"], ["1", "latest"]),
    ("v1.2.0", version_rules("v(.*)"), ["1.3.0"], ["1.2.0", "1.2"], ["1", "latest"]),
    ("app-1.2.0", version_rules("app-(.*)"), ["2.0.0", "app-1.1.0"], ["1.2.0", "1.2", "1", "latest"], []),
    ("app-1.2.0-el9", version_rules("app-(.*)-el9"), ["app-1.3.0-el9"], ["1.2.0", "1.2"], ["1", "latest"]),
    ("app-1.2.0-el9", version_rules("app-(.*)-el9"), ["app-9.0.0-el8"], ["1.2.0", "1.2", "1", "latest"], []),
    ("api/v1.2.0", r"type=match,pattern=api/v(.*),group=1", ["v2.0.0"], ["1.2.0", "latest"], []),
    ("api/v1.2.0", r"type=match,pattern=api/v(.*),group=1", ["v0.1.0", "api/v1.4.0"], ["1.2.0"], ["latest"]),
    ("api/v1.2.0", r"type=match,pattern=\d+\.\d+\.\d+", ["v2.0.0", "api/v1.1.0"], ["1.2.0", "latest"], []),
    ("api/v1.2.0", PART, ["v2.0.0"], ["1.2", "latest"], []),
    ("api/v1.2.0", PART, ["api/v1.2.1"], [], ["1.2", "latest"]),
    ("api/v1.2.0", STABLE, ["v2.0.0"], ["1.2.0", "1.2", "1", "stable", "latest"], []),
    ("api/v1.2.0", STABLE, ["api/v3.0.0"], ["1.2.0", "1.2", "1"], ["stable", "latest"]),
    ("api/v1.2.0-rc.1", API, ["api/v1.1.0"], ["1.2.0-rc.1"], []),
    ("cal/2024.10", "type=calver,match=cal/(.*)", ["cal/2024.11", "v3000.0.0"], ["2024.10"], ["latest"]),
]  # fmt: skip


@pytest.mark.parametrize(("git_tag", "rules", "others", "expected", "withheld"), LINES)
def test_metadata_tags_are_compared_with_releases_that_the_rules_pattern_selects(
    git_tag: str, rules: str, others: list[str], expected: list[str], withheld: list[str]
) -> None:
    found = metadata(git_tag, rules, *others)
    assert (list(found.tag_names), [one.name for one in found.withheld]) == (expected, withheld)
    assert not [one for one in found.warnings if "may go backwards" in one]


ONE_RUN = [
    "run-55", "run.55", "run55", "55", "55-1", "build-1234", "build_7", "ci-99", "b42", "r7", "job-3", "pipeline-12",
    "1-j7", "nightly-3", "attempt-2", "main-55-run", "12345678", "1700000000", "x-1700000000",
    "20240131", "2024-01-31", "2024.01.31", "2024_01", "240131", "nightly-20240131", "nightly-2024-01-31",
    "20240131T123000Z", "2024-01-31-1230", "2024-w05", "2024W05", "12h30", "12-30-59", "main-20240131-1234567",
    "cache", "cache-main", "buildcache", "build-cache", "app-cache", "main-buildcache", "cache-1.4", "layer-cache",
]  # fmt: skip
MOVING = [
    "latest", "stable", "lts", "production", "alpine", "alpine3.19", "ubuntu-22.04", "ubuntu22", "jdk-17", "java17",
    "python3.12", "python-3.12-slim", "windowsservercore-ltsc2022", "cuda-12", "node20", "v1", "v1.4", "x86-64",
    "cached", "runner", "builder", "buildpack", "arm64", "release", "edge",
]  # fmt: skip


def test_tag_values_unique_to_one_run_are_distinguished_from_names_that_move() -> None:
    assert [name for name in ONE_RUN if not names_one_run(name)] == []
    assert [name for name in MOVING if names_one_run(name)] == []


@pytest.mark.parametrize(
    "rule",
    [f"type=raw,value={name}" for name in ONE_RUN[:34:3]]
    + [f"type=raw,value={name}" for name in ONE_RUN[-8:]]
    + [
        "type=raw,value={{date 'YYYYMMDD'}}",
        "type=raw,value=nightly-{{date 'D'}}",
        "type=raw,value=at-{{commit_date 'HHmm'}}",
        "type=raw,value=stable,suffix=-{{date 'YYYY'}}",
        "type=raw,value=stable,suffix=-run55",
        "type=semver,pattern={{major}},suffix=-20240131",
        "type=semver,pattern={{major}}.{{minor}},prefix=run-12-",
    ],
)
def test_tags_unique_to_one_run_are_set_on_a_backport_without_a_warning(rule: str) -> None:
    found = metadata("v1.3.9", rule, "v2.0.0", "v1.4.0", flavor="latest=false")
    assert (len(found.tag_names), found.withheld, found.warnings) == (1, (), ())
    assert metadata("v1.3.9", rule, git=False, flavor="latest=false").warnings == ()


@pytest.mark.parametrize("name", MOVING)
def test_moving_raw_tags_are_withheld_on_a_backport(name: str) -> None:
    found = metadata("v1.3.9", f"type=raw,value={name}", "v2.0.0", "v1.4.0", flavor="latest=false")
    assert (found.tag_names, [one.name for one in found.withheld]) == ((), [name])


@pytest.mark.parametrize(
    ("git_tag", "rules", "git", "expected"),
    [
        ("v1.2.3", "type=semver,pattern={{major}}", False, "`1`, `latest` may go backwards: the other releases"),
        ("v1.2.3", "type=raw,value=stable", False, "`stable` may go backwards: the other releases"),
        ("v1.2.3", "type=ref,event=tag", False, "`latest` may go backwards: the other releases"),
        ("foo", "type=ref,event=tag", True, "`latest` may go backwards: git tag `foo` names no version"),
        ("v1.4", "type=ref,event=tag", True, "`latest` may go backwards: git tag `v1.4` names no version"),
        ("foo", "type=raw,value=stable", True, "`stable` may go backwards: git tag `foo` names no version"),
        ("api/v1.2.3", "type=raw,value=latest", True, "`latest` may go backwards: git tag `api/v1.2.3`"),
        ("api/v1.2.3", API, False, "`1.2`, `1`, `latest` may go backwards: the other releases"),
        ("rel-7", "type=match,pattern=rel-(.*),group=1", True, "`latest` may go backwards: git tag `rel-7`"),
    ],
)  # fmt: skip
def test_metadata_warning_names_the_moving_tags_that_may_go_backwards(
    git_tag: str, rules: str, git: bool, expected: str
) -> None:
    warnings = [one for one in metadata(git_tag, rules, git=git).warnings if "may go backwards" in one]
    assert len(warnings) == 1
    assert warnings[0].startswith(expected)


def test_rule_pattern_that_cannot_be_matched_with_another_tag_is_a_warning() -> None:
    found = metadata("api/v1.2.0", "type=match,pattern=api/v(.*),group=1", f"api/v{'1' * 600}")
    assert any("may go backwards" in one and "600" not in one[:20] for one in found.warnings)
    assert list(found.tag_names) == ["1.2.0", "latest"]
