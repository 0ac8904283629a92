"""Runs the registry tests on distribution 3, and tests features that docker-registry lacks.

Needs Go to build distribution 3.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from release.oci.attached import referrers_tag
from release.transfer.referrers import attach, find_referrers
from tests.support.programs.command import Shipmark
from tests.support.programs.environment import scrubbed
from tests.support.programs.go import ROOT, build, install
from tests.support.programs.processes import Service
from tests.support.registries.gate import Gate
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import Opened, TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.retention.yard import POLICY, Yard, about, image, index

_DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry@latest"
_SUITE = (
    "registry/test_*.py",
    "image_names/test_*.py",
    "cli/test_image_commands.py",
    "app/lifecycle/test_promote.py",
    "app/retention/test_traps.py",
)
_ANSWERING = ROOT / "tests/support/registries/referrers_registry"
_LISTENING = re.compile(rb"listening on (\S+)")

ONE = make_image({"a": b"one"})
INDEX = make_index(ONE, make_image({"a": b"arm"}, platform="linux/arm64"))


def _run_suite(*names: str, **env: str) -> None:
    files = [str(path) for name in names for path in sorted((ROOT / "tests/integration").glob(name))]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    print("\n" + done.stdout.strip().splitlines()[-1])


def test_registry_tests_pass_on_distribution_3() -> None:
    _run_suite(*_SUITE, SHIPMARK_TEST_REGISTRY=str(install(_DISTRIBUTION)))


def test_attestation_tests_pass_on_a_registry_with_the_referrers_api() -> None:
    _run_suite("effects/test_attest.py", SHIPMARK_TEST_REFERRERS=str(build(_ANSWERING)))


class Answering(NamedTuple):
    """A registry with the referrers API that can delete a tag alone, and the command `shipmark`."""

    host: str
    shipmark: Shipmark
    targets: Opened

    def put_attached(self, name: str) -> Image:
        """Put the image `ONE` as tag `1.0`, and a referrer of it; return the referrer."""
        repository = self.targets.open(name)
        store(ONE, repository, "1.0")
        about = {"mediaType": ONE.manifest.media_type, "digest": ONE.digest, "size": len(ONE.manifest.raw)}
        sbom = make_image({"sbom": b"{}"}, extra={"subject": about, "artifactType": "application/spdx+json"})
        store(sbom, repository)
        attach(repository, sbom.manifest)
        return sbom

    def must(self, *args: str) -> str:
        """Run `shipmark image` and require that it succeeds."""
        result = self.shipmark("image", *args)
        assert result.code == 0, result.stderr
        return result.stdout


@pytest.fixture
def answering(shipmark: Shipmark, make_targets: TargetsFactory, tmp_path: Path) -> Iterator[Answering]:
    server = build(_ANSWERING)
    found: list[str] = []

    def ready(line: bytes) -> bool:
        found.extend(hit[1].decode() for hit in _LISTENING.finditer(line))
        return bool(found)

    service = Service([str(server)], folder=tmp_path, name="registry", env=scrubbed(tmp_path), ready=ready)
    yield Answering(found[0], shipmark, make_targets())
    service.stop()


class TestAnAnsweringRegistry:
    def test_an_image_is_copied_to_within_and_from_the_registry(
        self, answering: Answering, registry_server: RegistryServer
    ) -> None:
        store(INDEX, answering.targets.open(f"{registry_server.host}/app"), "1.0")
        places = [f"{answering.host}/app", f"{answering.host}/other", f"{registry_server.host}/back"]
        source = f"{registry_server.host}/app"
        for place in places:
            answering.must("copy", f"{source}:1.0", place)
            source = place
        assert registry_server.tags("back") == {"1.0": INDEX.digest}
        assert answering.must("list", places[1]).split() == ["1.0"]

    def test_referrers_are_listed_without_a_fallback_tag(self, answering: Answering) -> None:
        name = f"{answering.host}/app"
        sbom = answering.put_attached(name)
        (found,) = find_referrers(answering.targets.open(name), ONE.digest)
        assert found.digest == sbom.digest
        assert answering.targets.open(name).tags() == ("1.0",)
        assert sbom.digest in answering.must("inspect", f"{name}:1.0", "--json")

    def test_referrers_are_copied_from_and_to_a_registry_without_the_api(
        self, answering: Answering, registry_server: RegistryServer
    ) -> None:
        plain, other = f"{registry_server.host}/app", f"{answering.host}/other"
        sbom = answering.put_attached(f"{answering.host}/app")
        answering.must("copy", f"{answering.host}/app:1.0", plain, "--referrers")
        assert set(registry_server.tags("app")) == {"1.0", referrers_tag(ONE.digest)}
        (listed,) = find_referrers(answering.targets.open(plain), ONE.digest)
        assert (listed.digest, listed.artifact_type) == (sbom.digest, "application/spdx+json")
        answering.must("copy", f"{plain}:1.0", other, "--referrers")
        repository = answering.targets.open(other)
        assert [one.digest for one in find_referrers(repository, ONE.digest)] == [sbom.digest]
        assert repository.tags() == ("1.0",)

    def test_deleting_a_tag_keeps_other_tags_of_the_digest(self, answering: Answering) -> None:
        repository = answering.targets.open(f"{answering.host}/app")
        store(ONE, repository, "1.0", "1", "latest")
        answering.must("delete", f"{answering.host}/app:1")
        assert set(repository.tags()) == {"1.0", "latest"}

    def test_an_image_with_a_referrer_is_not_deleted(self, answering: Answering) -> None:
        name = f"{answering.host}/app"
        answering.put_attached(name)
        assert answering.shipmark("image", "delete", "--digest", f"{name}@{ONE.digest}").code == 6
        assert answering.targets.open(name).resolve("1.0") is not None

    def test_a_prune_deletes_tags_alone_and_keeps_what_refers_to_an_image_that_stays(
        self, answering: Answering, git_repo: GitRepo
    ) -> None:
        name = f"{answering.host}/app"
        repository = answering.targets.open(name)
        kept, old, shared = index("kept"), index("old"), image("shared")
        for one, tags in ((kept, ["release-1"]), (old, ["sha-1"]), (shared, ["sha-2", "release-2"])):
            store(one, repository, *tags)
        store(kept.children[0], repository, "sha-child")
        for subject in (kept, old):
            store(about(subject), repository)
        git_repo.commit("first", files={".gitignore": ".shipmark/\n"})
        git_repo.write({"shipmark.yml": json.dumps({"image": name, "retention": POLICY})})
        plan = answering.shipmark("prune", "--json", cwd=git_repo.path).json["plan"]
        done = answering.shipmark("prune", "--apply", plan, cwd=git_repo.path)
        assert done.code == 0, done.stderr
        assert set(repository.tags()) == {"release-1", "release-2", "sha-child"}
        there = [
            repository.resolve(one.digest) is not None for one in (kept, *kept.children, about(kept), shared)
        ]
        assert there == [True] * 5
        gone = [repository.resolve(one.digest) for one in (old, *old.children, about(old))]
        assert gone == [None] * 4


def test_prune_at_a_registry_that_accepts_deletions_and_ignores_them_records_nothing(
    git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory
) -> None:
    repository = make_targets().open(f"{gate.host}/acme/app")
    yard = Yard(git_repo, shipmark, repository, gate.registry, "acme/app")
    yard.put(image("a"), "sha-a")
    yard.put(image("b"), "sha-b", "release-b")
    gate.instead = lambda passage: (202, [], b"") if passage.method == "DELETE" else None
    done = yard("--apply", yard.plan()["plan"])
    assert (done.code, "accepted the deletion of" in done.stderr) == (7, True), done.stderr
    assert set(yard.tags) == {"sha-a", "sha-b", "release-b"}
    recorded = [one for one in yard.log if one["kind"] == "pruned"]
    assert [one for one in recorded if one.get("digests") or one.get("tags")] == []
