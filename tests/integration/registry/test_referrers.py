"""Referrers, cosign's tags, and deletions that delete nothing else, on a real registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import Invalid, NotFound, RefusedError
from release.events import NullSink
from release.layout.layout import Layout
from release.oci import Repository
from release.oci.attached import referrers_tag
from release.transfer.copy_referrers import copy_attached
from release.transfer.delete import delete_digest, delete_tag
from release.transfer.holders import find_holders, resolve_tags
from release.transfer.referrers import attach, find_attached, find_referrers
from tests.support.registries.faults import Do, FaultProxy, Rule, Status
from tests.support.registries.hostile import HostileServer, Reply, Request
from tests.support.registries.images import Image, digest, make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import Recorder, TargetsFactory


def _about(image: Image, text: str = "signature") -> Image:
    """Make an artifact whose `subject` is `image`."""
    about = image.descriptor()
    extra = {
        "subject": {"mediaType": about.media_type, "digest": about.digest, "size": about.size},
        "artifactType": f"application/vnd.example.{text}",
    }
    return make_image({text: text.encode()}, extra=extra)


def _attached(image: Image, repository: Repository, *texts: str) -> list[Image]:
    artifacts = [_about(image, text) for text in texts]
    for artifact in artifacts:
        store(artifact, repository)
        attach(repository, artifact.manifest)
    return artifacts


def _copy(source: Repository, destination: Repository, *digests: str) -> tuple[str, ...]:
    return copy_attached(source, destination, digests, sink=NullSink(), cancel=Cancel())


def test_referrers_are_listed_in_the_fallback_tag_if_the_registry_lacks_the_api(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    remote = make_targets().open(f"{registry_server.host}/app")
    store(image, remote, "1.0")
    assert find_referrers(remote, image.digest) == ()
    one, two = _attached(image, remote, "signature", "sbom")
    found = find_referrers(remote, image.digest)
    assert [item.digest for item in found] == [one.digest, two.digest]
    assert [item.artifact_type for item in found] == [
        "application/vnd.example.signature",
        "application/vnd.example.sbom",
    ]
    attach(remote, one.manifest)
    assert len(find_referrers(remote, image.digest)) == 2
    assert referrers_tag(image.digest) in remote.tags()


def test_referrers_are_read_from_the_referrers_api_page_by_page(
    hostile: Callable[..., HostileServer], make_targets: TargetsFactory
) -> None:
    image = make_image()
    artifact = _about(image)
    kind = "application/vnd.oci.image.index.v1+json"
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": artifact.digest, "size": 5}
    page = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}).encode()

    def answer(request: Request) -> Reply:
        if "/referrers/" not in request.path:
            return Reply(404)
        more = {} if "page=2" in request.path else {"Link": f'<{request.path}?page=2>; rel="next"'}
        return Reply(200, {"Content-Type": kind, **more}, page)

    server = hostile(answer)
    remote = make_targets().open(f"{server.host}/app")
    assert [item.digest for item in find_referrers(remote, image.digest)] == [artifact.digest]
    attach(remote, artifact.manifest)
    assert not server.seen("PUT")


def test_copy_attached_copies_referrers_and_cosign_tags(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    index = make_index(image)
    source = make_targets().open(f"{registry_server.host}/here")
    store(index, source, "1.0")
    (signature,) = _attached(index, source, "signature")
    (about_that,) = _attached(signature, source, "timestamp")
    (of_child,) = _attached(image, source, "sbom")
    cosign = make_image({"cosign": b"1"})
    store(cosign, source, f"{referrers_tag(index.digest)}.sig")
    for destination in (make_targets().open(f"{registry_server.host}/there"), Layout(str(tmp_path / "l"))):
        store(index, destination, "1.0")
        copied = _copy(source, destination, index.digest, image.digest)
        assert set(copied) == {signature.digest, about_that.digest, of_child.digest, cosign.digest}
        attached = find_attached(destination, index.digest)
        assert [item.digest for item in attached.referrers] == [signature.digest]
        assert attached.tags == (f"{referrers_tag(index.digest)}.sig",)
        assert destination.manifest(of_child.digest) == of_child.manifest


def test_referrer_that_is_listed_and_gone_is_named_with_the_way_to_copy_without_it(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    source, destination = (
        make_targets().open(f"{registry_server.host}/{name}") for name in ("here", "there")
    )
    store(image, source, "1.0")
    store(image, destination, "1.0")
    (signature,) = _attached(image, source, "signature")
    registry_server.request("DELETE", f"/v2/here/manifests/{signature.digest}")
    with pytest.raises(NotFound, match="a part of what refers to") as caught:
        _copy(make_targets().open(f"{registry_server.host}/here"), destination, image.digest)
    assert "--no-referrers" in str(caught.value.hint)


class TestCosignTags:
    """Signatures of one image in two repositories: each is a layer of the manifest under `sha256-….sig`."""

    @pytest.fixture
    def places(
        self, registry_server: RegistryServer, make_targets: TargetsFactory
    ) -> tuple[Repository, Repository]:
        targets = make_targets()
        return targets.open(f"{registry_server.host}/here"), targets.open(f"{registry_server.host}/there")

    def _signed(self, repository: Repository, *signatures: bytes) -> Image:
        image = make_image()
        store(image, repository, "1.0")
        made = make_image({"first": signatures[0]}, layers=signatures[1:])
        store(made, repository, f"{referrers_tag(image.digest)}.sig")
        return made

    def _copied(self, places: tuple[Repository, Repository]) -> tuple[str, list[str]]:
        """Copy cosign's signature tag; return the digest under the destination's tag, and the emitted notes."""
        recorder = Recorder()
        digest = make_image().digest
        copy_attached(*places, [digest], sink=recorder, cancel=Cancel())
        held = places[1].resolve(f"{referrers_tag(digest)}.sig")
        assert held is not None
        return held.digest, recorder.notes

    def test_cosign_signature_tag_with_fewer_signatures_is_replaced_by_a_copy(
        self, places: tuple[Repository, Repository]
    ) -> None:
        more = self._signed(places[0], b"a", b"b")
        self._signed(places[1], b"a")
        assert self._copied(places)[0] == more.digest

    def test_cosign_signature_tag_with_more_signatures_is_kept_by_a_copy(
        self, places: tuple[Repository, Repository]
    ) -> None:
        self._signed(places[0], b"a")
        more = self._signed(places[1], b"a", b"b")
        held, said = self._copied(places)
        assert held == more.digest
        assert not [text for text in said if "left as it is" in text]

    def test_cosign_signatures_of_an_equal_payload_by_other_keys_are_kept_with_a_warning(
        self, places: tuple[Repository, Repository]
    ) -> None:
        payload = json.loads(make_image({"first": b"a"}).manifest.raw)["layers"][0]
        made = []
        for place, key in zip(places, "xy", strict=True):
            store(make_image(), place, "1.0")
            layers = [{**payload, "annotations": {"dev.cosignproject.cosign/signature": key}}]
            made.append(make_image({"first": b"a"}, extra={"layers": layers}))
            store(made[-1], place, f"{referrers_tag(make_image().digest)}.sig")
        held, said = self._copied(places)
        assert held == made[1].digest
        assert [text for text in said if "left as it is" in text]

    def test_cosign_signature_tag_with_other_signatures_is_kept_with_a_warning(
        self, places: tuple[Repository, Repository]
    ) -> None:
        self._signed(places[0], b"a", b"c")
        others = self._signed(places[1], b"a", b"b")
        held, said = self._copied(places)
        assert held == others.digest
        (warning,) = (text for text in said if "left as it is" in text)
        assert "1 of the source's 2 entries are missing there" in warning


class TestDeletion:
    def test_find_holders_lists_tags_indexes_and_referrers_that_need_a_digest(
        self, registry_server: RegistryServer, make_targets: TargetsFactory
    ) -> None:
        child, other = make_image({"a": b"1"}), make_image({"a": b"2"})
        index = make_index(child)
        remote = make_targets().open(f"{registry_server.host}/app")
        store(index, remote, "1.0", "latest")
        store(child, remote, "amd64")
        store(other, remote, "2.0")
        (signature,) = _attached(child, remote, "signature")
        holders = find_holders(remote, child.digest, cancel=Cancel())
        assert holders.tags == ("amd64",)
        assert holders.indexes == ("1.0", "latest")
        assert holders.referrers == (signature.digest,)

    def test_delete_tag_removes_one_tag_or_refuses(
        self, registry_server: RegistryServer, make_targets: TargetsFactory
    ) -> None:
        image = make_image()
        remote = make_targets().open(f"{registry_server.host}/app")
        store(image, remote, "1.0", "1", "latest")
        refusal: Invalid | None = None
        try:
            delete_tag(remote, "latest", sink=NullSink(), cancel=Cancel())
        except Invalid as error:
            refusal = error
        if refusal is None:  # distribution 3
            assert set(registry_server.tags("app")) == {"1.0", "1"}
        else:  # distribution 2
            assert "`1`, `1.0` would go with it" in str(refusal.hint)
            assert set(registry_server.tags("app")) == {"1.0", "1", "latest"}
        with pytest.raises(NotFound):
            delete_tag(remote, "none", sink=NullSink(), cancel=Cancel())

    def test_tags_that_a_registry_deletes_together_with_another_tag_are_put_back(
        self,
        registry_server: RegistryServer,
        fault_proxy: Callable[..., FaultProxy],
        make_targets: TargetsFactory,
    ) -> None:
        image = make_image()
        direct = make_targets().open(f"{registry_server.host}/app")
        store(image, direct, "1.0", "1", "latest")
        # A registry that takes the deletion of a tag for the deletion of its digest.
        careless = Do(lambda: direct.delete_manifest(image.digest), then=Status(202))
        proxy = fault_proxy(registry_server.host, Rule("DELETE", "/manifests/latest", careless))
        recorder = Recorder()
        delete_tag(make_targets().open(f"{proxy.host}/app"), "latest", sink=recorder, cancel=Cancel())
        assert registry_server.tags("app") == {"1.0": image.digest, "1": image.digest}
        assert any("put back" in note for note in recorder.notes)

    def test_delete_digest_refuses_a_digest_that_an_index_or_a_referrer_needs(
        self, registry_server: RegistryServer, make_targets: TargetsFactory
    ) -> None:
        child, signed = make_image({"a": b"1"}), make_image({"a": b"2"})
        remote = make_targets().open(f"{registry_server.host}/app")
        store(make_index(child), remote, "1.0")
        store(signed, remote, "2.0")
        _attached(signed, remote, "signature")
        for name in (child.digest, signed.digest):
            with pytest.raises(RefusedError):
                delete_digest(remote, name, cancel=Cancel())
            assert remote.resolve(name) is not None

    def test_delete_digest_returns_its_deleted_tags(
        self, registry_server: RegistryServer, make_targets: TargetsFactory
    ) -> None:
        image, other = make_image({"a": b"1"}), make_image({"a": b"2"})
        remote = make_targets().open(f"{registry_server.host}/app")
        store(image, remote, "1.0", "latest")
        store(other, remote, "2.0")
        assert delete_digest(remote, image.digest, cancel=Cancel()) == ("1.0", "latest")
        assert registry_server.tags("app") == {"2.0": other.digest}

    def test_delete_tag_in_a_layout_removes_one_tag(self, tmp_path: Path) -> None:
        image = make_image()
        layout = Layout(str(tmp_path / "l"))
        store(image, layout, "1.0", "latest")
        delete_tag(layout, "latest", sink=NullSink(), cancel=Cancel())
        assert layout.tags() == ("1.0",)


def test_resolve_tags_returns_the_digest_of_each_of_200_tags(
    hostile: Callable[..., HostileServer], make_targets: TargetsFactory
) -> None:
    names = [f"1.0.{number}" for number in range(200)]
    kind = "application/vnd.oci.image.manifest.v1+json"

    def answer(request: Request) -> Any:
        tag = request.path.rpartition("/")[2]
        return Reply(
            200, {"Content-Type": kind, "Docker-Content-Digest": digest(tag.encode()), "Content-Length": "7"}
        )

    server = hostile(answer)
    found = resolve_tags(make_targets().open(f"{server.host}/app"), names, cancel=Cancel())
    assert {name: item.digest for name, item in found.items() if item} == {
        name: digest(name.encode()) for name in names
    }
