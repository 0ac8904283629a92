"""A registry over TLS that shows a manifest only under a tag, as Quay before 3.9 does.

The end state is read from the storage of the registry behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import DigestMismatch
from release.events import NullSink
from release.layout.layout import Layout
from release.transfer.copy import copy_image
from tests.support.registries.gate import Answer, Gate, Passage
from tests.support.registries.images import make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.stored import check_image
from tests.support.registries.targets import TargetsFactory
from tests.support.registries.tls import Authority
from tests.support.releases.project import Project

INDEX = make_index(make_image({"a": b"one"}), make_image({"a": b"arm"}, platform="linux/arm64"))
MISSING: Answer = (404, [], b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')


class Hurried(Cancel):
    """A `Cancel` whose waits return at once: waiting would not make the registry show a manifest."""

    def wait(self, seconds: float) -> None:
        """Return at once."""
        del seconds


class Quay:
    """A gate over TLS that answers 404 for manifests in no tagged image or index. `ca`: its authority's PEM file."""

    def __init__(self, registry: RegistryServer, folder: Path) -> None:
        authority = Authority(folder / "authority")
        self.registry = registry
        self.ca = str(authority.path)
        self.gate = Gate(registry, authority=authority)
        self.gate.instead = self._answer

    def _answer(self, passage: Passage) -> Answer | None:
        name, manifests, reference = passage.path.removeprefix("/v2/").partition("/manifests/")
        if passage.method not in ("GET", "HEAD") or not manifests or not reference.startswith("sha256:"):
            return None
        return None if reference in self._shown(name) else MISSING

    def _shown(self, name: str) -> set[str]:
        shown = set(self.registry.tags(name).values())
        for digest in list(shown):
            document = json.loads(self.registry.manifest(name, digest)[1])
            shown |= {one["digest"] for one in document.get("manifests", ())}
        return shown


@pytest.fixture
def quay(registry_server: RegistryServer, tmp_path: Path) -> Iterator[Quay]:
    made = Quay(registry_server, tmp_path)
    yield made
    made.gate.close()


def test_release_to_a_registry_that_shows_manifests_only_under_tags_warns_once(
    quay: Quay, project: Project
) -> None:
    image = f"{quay.gate.host}/acme/app"
    env = {"SSL_CERT_FILE": quay.ca}
    told = project.must("run", "--image", image, env=env).stderr
    assert told.count("shows a manifest only under a tag") == 1
    tags = quay.registry.tags("acme/app")
    assert {"1.4.2", "1.4", "1", "latest"} <= set(tags)
    assert check_image(quay.registry.root, "acme/app", "1.4.2")[0] == tags["latest"] == tags["1.4.2"]
    again = project.must("run", "--image", image, env=env).stderr
    assert "only under a tag" not in again
    assert quay.registry.tags("acme/app") == tags


def test_index_copied_to_a_registry_that_shows_manifests_only_under_tags_has_every_blob(
    quay: Quay, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    layout = Layout(str(tmp_path / "l"))
    store(INDEX, layout)
    targets = make_targets(env={"SSL_CERT_FILE": quay.ca})
    repository = targets.open(f"{quay.gate.host}/app")
    for _ in range(2):
        copy_image(layout, repository, INDEX.digest, sink=NullSink(), cancel=Hurried())
    assert sum("only under a tag" in text for text in targets.recorder.notes) == 1
    repository.put_manifest(repository.manifest(INDEX.digest), tag="1.0")
    assert repository.resolve("1.0") == INDEX.descriptor()
    assert quay.registry.tags("app") == {"1.0": INDEX.digest}
    for digest, blob in INDEX.all_blobs().items():
        assert quay.registry.request("GET", f"/v2/app/blobs/{digest}")[2] == blob


def test_copy_to_a_registry_that_hides_manifests_and_lost_a_blob_raises_digest_mismatch(
    quay: Quay, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    layout = Layout(str(tmp_path / "l"))
    store(INDEX, layout)
    lost = next(iter(INDEX.all_blobs()))
    hidden = quay.gate.instead
    quay.gate.instead = lambda passage: (
        MISSING if passage.method == "HEAD" and lost in passage.path else hidden(passage)
    )
    repository = make_targets(env={"SSL_CERT_FILE": quay.ca}).open(f"{quay.gate.host}/app")
    with pytest.raises(DigestMismatch, match=r"accepted .*, but then had nothing there"):
        copy_image(layout, repository, INDEX.digest, sink=NullSink(), cancel=Hurried())
    assert quay.registry.tags("app") == {}
