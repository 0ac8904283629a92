"""A log of 500 releases is rebuilt from the registry and git. Prints what was found, and the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from release.canonical_json import canonical
from release.control import Cancel
from release.effects.attest import ANCHOR, RELEASE
from release.plan.release_key import release_key
from release.statements.release_statement import PREDICATE, Attested
from release.statements.version_status import StatusDocument, artifact_of
from release.transfer.statement_artifacts import make_statement, push_artifact
from release.versions.status import STATUS_TAG, KnownStatus
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project

MINORS, PATCHES = 20, 25
TAKEN_BACK = [f"1.{MINORS - 1}.{patch}" for patch in range(PATCHES - 5, PATCHES)]
PROJECT = "acme/app"


def _history(project: Project, versions: list[str]) -> dict[str, str]:
    """Make one commit with a git tag for each version; return the commits."""
    lines = []
    for number, version in enumerate(versions, start=1):
        when = f"<a@example.com> {1_700_000_000 + number} +0000"
        text = f"release {version}"
        lines.append(f"commit refs/heads/imported\nmark :{number}\nauthor A {when}\ncommitter A {when}")
        lines.append(f"data {len(text)}\n{text}")
        lines.append(f"from :{number - 1}" if number > 1 else "")
        lines.append(f"reset refs/tags/v{version}\nfrom :{number}\n")
    project.repo.git("fast-import", "--quiet", stdin="\n".join(lines) + "\n")
    listed = project.repo.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags/v1*")
    rows = dict(line.split() for line in listed.splitlines())
    return {version: rows[f"v{version}"] for version in versions}


def _image(version: str, commit: str, number: int) -> Image:
    labels = {
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.created": f"2024-01-01T{number // 60:02}:{number % 60:02}:00Z",
    }
    files = {"version": version.encode()}
    if number % 50:
        return make_image(files, labels=labels)
    platforms = ("linux/amd64", "linux/arm64")
    return make_index(*(make_image(files, labels=labels, platform=one) for one in platforms))


def test_log_of_500_releases_is_rebuilt_from_the_registry_and_git(
    make_project: Callable[..., Project], make_targets: TargetsFactory
) -> None:
    project = make_project(project=PROJECT)
    versions = [f"1.{minor}.{patch}" for minor in range(MINORS) for patch in range(PATCHES)]
    # The project has git tags v1.3.8, v1.4.0 and v1.4.1 of its own.
    project.repo.git("tag", "-d", "v1.3.8", "v1.4.0", "v1.4.1")
    commits = _history(project, [*versions, "1.99.0"])  # 1.99.0 was never released
    repository = make_targets().open(project.image)
    tags: dict[str, str] = {}
    for number, version in enumerate(versions):
        image = _image(version, commits[version], number)
        minor = version.rpartition(".")[0]
        moving = [minor] if version not in TAKEN_BACK else []
        store(image, repository, version, *moving)
        tags |= dict.fromkeys([version, *moving], image.digest)
        if number % 10 == 0:
            attested = Attested(
                key=release_key(PROJECT, commits[version], version),
                project=PROJECT,
                commit=commits[version],
                version=version,
                target=repository.name,
                digest=image.digest,
                tags=(version,),
                anchor=f"{number * 5}:{'a' * 64}",
            )
            said = {RELEASE: attested.key, ANCHOR: attested.anchor}
            statement = make_statement(
                canonical(attested.statement),
                image.descriptor(),
                predicate_type=PREDICATE,
                annotations=said,
            )
            push_artifact(repository, statement, cancel=Cancel())
    store(make_image(), repository, "buildcache")
    yanks = [KnownStatus(version=one, number=1, status="yanked", reason="broken") for one in TAKEN_BACK]
    status = artifact_of(StatusDocument().with_statuses(yanks))
    blobs = {blob.digest: content for blob, content in status.blobs}
    store(Image(status.manifest, blobs), repository, STATUS_TAG)

    began = time.monotonic()
    report = project.must("log", "rebuild", "--json").json
    print(f"log rebuild: 500 releases, {report['entries']} entries, {time.monotonic() - began:.1f} s")
    assert {one["release"] for one in report["releases"]} == set(versions)
    assert {one["release"]: one["commit"] for one in report["releases"]} == {
        version: commits[version] for version in versions
    }
    assert sum("release statement" in one["evidence"] for one in report["releases"]) == 50
    assert [one["tag"] for one in report["left_out"]] == ["buildcache"]
    assert report["without_image"] == ["v1.99.0"]
    assert {one["version"] for one in report["statuses"]} == set(TAKEN_BACK)
    assert len(report["untold"]) == 6

    found = project.must("log", "verify", "--registry", "--json").json["tags"]
    assert {one["tag"]: one["detail"] for one in found if one["finding"] == "same"} == tags
    assert {one["finding"] for one in found} == {"same"}
    listed = project.must("log", "list", "--all", "--json").json["releases"]
    assert {one["version"]: one["state"] for one in listed} == {
        version: "yanked" if version in TAKEN_BACK else "released" for version in versions
    }
    assert [one["version"] for one in listed] == versions[::-1]
    again = project("log", "rebuild")
    assert again.code == 6
