"""Deletions through the vendors' APIs, under their real names: what goes, what stays, which times it tells."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from release.control import Cancel
from release.errors import Denied, Invalid, NotFound, RegistryError, Unreachable
from release.inventory.repository import Wanted, read_inventory
from release.oci import Repository
from release.oci.deletion import Deletes, Deletion, Foresees
from release.retention.snapshot import Inventory
from release.transfer.delete import delete_manifest, delete_tag
from tests.support.programs.command import Shipmark
from tests.support.registries.hostile import Reply
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import Opened, TargetsFactory
from tests.support.registries.vendors.services import Amazon, Azure, Github, Gitlab, Harbor, Hub, Quay
from tests.support.registries.vendors.vendor import SECRET, Fault, Vendor, basic, document, refusal
from tests.support.releases.git import GitRepo
from tests.support.retention.yard import POLICY

PUSHED = 1_714_564_800_000  # 2024-05-01T12:00:00Z
PULLED = "2024-06-01T12:00:00Z"
SHARED = make_image({"shared": b"1"})
INDEX = make_index(make_image({"a": b"amd64"}), make_image({"a": b"arm64"}, platform="linux/arm64"))
LOOSE = make_image({"loose": b"1"})


class Expected(NamedTuple):
    """What a vendor deletes and tells. `tag`: whether a tag goes alone."""

    vendor: type[Vendor]
    tag: bool
    manifest: bool = True
    moved: bool = False
    pushed: bool = False
    pulled: bool = False
    lists: bool = False


ROWS = (
    Expected(Github, tag=False, pushed=True, lists=True),
    Expected(Hub, tag=True, manifest=False, moved=True, pulled=True),
    Expected(Quay, tag=True, moved=True),
    Expected(Gitlab, tag=True),
    Expected(Harbor, tag=True, moved=True, pushed=True, pulled=True, lists=True),
    Expected(Azure, tag=True, moved=True, pushed=True, lists=True),
    Expected(Amazon, tag=True, pushed=True, pulled=True, lists=True),
)
Start = Callable[[type[Vendor]], Vendor]


@pytest.fixture
def start(
    tmp_path: Path, registry_server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Give a function that starts a vendor's hosts in front of a docker-registry."""
    started: list[Vendor] = []

    def one(kind: type[Vendor]) -> Vendor:
        vendor = kind(tmp_path / "vendor", registry_server)
        started.append(vendor)
        entry = {"auth": basic().removeprefix("Basic ")}
        if kind is Quay:
            entry = {"auth": basic("$oauthtoken").removeprefix("Basic ")}
        names = {"docker.io": "https://index.docker.io/v1/"}
        auths = {names.get(kind.REGISTRY, kind.REGISTRY): entry}
        (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
        for name, value in {
            **vendor.net.env,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_CA_BUNDLE": vendor.net.ca,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        return vendor

    yield one
    for vendor in started:
        vendor.close()


def opened(vendor: Vendor, make_targets: TargetsFactory, folder: Path) -> tuple[Opened, Repository]:
    env = {"DOCKER_CONFIG": str(folder), **vendor.net.env}
    targets = make_targets(env=env, ca=vendor.net.ca)
    return targets, targets.open(vendor.image)


def fill(vendor: Vendor, make_targets: TargetsFactory, *images: tuple[Image, tuple[str, ...]]) -> None:
    """Store images without the vendor, as an earlier push did."""
    behind = make_targets().open(f"{vendor.registry.host}/{vendor.REPOSITORY}")
    for image, tags in images:
        store(image, behind, *tags)


def way(repository: Repository) -> Deletion:
    assert isinstance(repository, Deletes)
    repository.resolve("old")  # so that the registry's challenge is known
    return repository.deletion()


def read(repository: Repository, warn: Callable[[str], object] = len) -> Inventory:
    wanted = Wanted(deletes_tags=True)
    return read_inventory(repository, wanted, now=PUSHED + 1, cancel=Cancel(), warn=warn)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.vendor.__name__)
def test_vendor_deletes_what_its_api_can_and_tells_the_times_that_it_knows(
    row: Expected, start: Start, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    vendor = start(row.vendor)
    fill(vendor, make_targets, (SHARED, ("a", "b")), (INDEX, ("old",)), (LOOSE, ()))
    vendor.pulls = {SHARED.digest: PULLED, "a": PULLED}
    targets, repository = opened(vendor, make_targets, tmp_path)

    found = read(repository)
    assert {tag.name for tag in found.tags} == {"a", "b", "old"}
    assert [tag.moved for tag in found.tags] == [PUSHED if row.moved else None] * 3
    assert found.tells_times is row.moved
    assert found.manifests[INDEX.digest].pushed == (PUSHED if row.pushed else None)
    assert (found.manifests[SHARED.digest].pulled is not None) is row.pulled
    assert (LOOSE.digest in found.manifests) is row.lists
    assert found.deletes_manifests is row.manifest

    before = dict(vendor.tags)
    for foreseen, can in (("tag", row.tag), ("manifest", row.manifest)):
        ask = getattr(way(repository), f"require_{foreseen}", lambda *_: None)
        with pytest.raises(Invalid, match="cannot delete") if not can else contextlib.nullcontext():
            ask(*(("a",) if foreseen == "tag" else ()))
    assert vendor.tags == before
    if row.tag:
        delete_tag(repository, "a", sink=targets.recorder, cancel=Cancel())
        assert vendor.tags == {"b": SHARED.digest, "old": INDEX.digest}
    else:
        with pytest.raises(Invalid, match="cannot delete the tag `a` alone"):
            delete_tag(repository, "a", sink=targets.recorder, cancel=Cancel())
        assert vendor.tags == {"a": SHARED.digest, "b": SHARED.digest, "old": INDEX.digest}
    if not row.manifest:
        with pytest.raises(Invalid, match="deletes tags only"):
            delete_manifest(repository, INDEX.digest, cancel=Cancel())
        assert vendor.on(INDEX.digest) is not None
        return
    delete_manifest(repository, INDEX.digest, cancel=Cancel())
    for child in INDEX.children:
        if vendor.on(child.digest) is not None:  # Harbor deletes them along with the index
            delete_manifest(repository, child.digest, cancel=Cancel())
    assert {one.digest for one in vendor.held} == {SHARED.digest, LOOSE.digest}
    assert vendor.tags.keys() == ({"b"} if row.tag else {"a", "b"})
    with pytest.raises(NotFound):
        way(repository).delete_manifest(INDEX.digest)


@pytest.mark.parametrize("kind", [Github, Azure], ids=lambda kind: kind.__name__)
def test_refusals_of_an_api_keep_their_cause_and_a_rate_limit_is_waited_for(
    kind: type[Vendor], start: Start, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    vendor = start(kind)
    fill(vendor, make_targets, (SHARED, ("a", "b")), (INDEX, ("old",)))
    _, repository = opened(vendor, make_targets, tmp_path)
    facts = way(repository).facts()
    assert facts is not None
    said = {"message": "no rights here", "errors": [{"code": "DENIED", "message": "no rights here"}]}

    def delete() -> None:
        if kind is Github:
            way(repository).delete_manifest(SHARED.digest)
        else:
            way(repository).delete_tag("a")

    for status in (403, 401):
        # A registry's own host answers 401 with a challenge, after which another token is tried once.
        vendor.faults = [Fault("^DELETE ", document(said, status))] * 2
        with pytest.raises(Denied, match="no rights here") as caught:
            delete()
        assert str(caught.value.hint).startswith("the credential is from `")
        assert SECRET not in f"{caught.value.message} {caught.value.hint}"
        vendor.faults = []
    vendor.faults = [Fault("^DELETE ", Reply(429, {"Retry-After": "3600"}, b"{}"))]
    with pytest.raises(Unreachable, match="429"):
        delete()
    vendor.faults = [Fault("^DELETE ", Reply(429, {"Retry-After": "0"}, b"{}"))] * 2
    if kind is Github:
        vendor.faults += [Fault("^DELETE ", Reply(403, {"X-RateLimit-Remaining": "0"}, b"{}"))]
    delete()
    assert vendor.faults == []
    assert "a" not in vendor.tags


# One vendor whose pages are linked, and one whose pages are numbered.
LISTS = {
    Github: ("/versions", "page=2"),
    Hub: ("/tags[?]", "page=2"),
}


@pytest.mark.parametrize("kind", LISTS, ids=lambda kind: kind.__name__)
def test_list_that_breaks_off_is_an_error_and_an_api_that_refuses_leaves_the_times_unknown(
    kind: type[Vendor], start: Start, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    vendor = start(kind)
    fill(vendor, make_targets, (SHARED, ("a", "b")), (INDEX, ("old",)))
    _, repository = opened(vendor, make_targets, tmp_path)
    whole, second = LISTS[kind]
    for fault in (Reply(404, {}, b"{}"), Reply(200, {}, b"<html>"), *[Reply(503)] * 4):
        vendor.faults.append(Fault(second, fault))
    for _ in range(2):
        with pytest.raises(Invalid, match=r"breaks off|its API does not say"):
            read(repository)
    with pytest.raises(Unreachable):
        read(repository)
    assert vendor.faults == []
    told: list[str] = []
    vendor.faults = [Fault(whole, refusal(403, "DENIED", "requested access is denied"))] * 2
    found = read(repository, told.append)
    assert {tag.moved for tag in found.tags} == {None}
    assert found.tells_times is False
    assert "requested access is denied" in told[0]


def test_amazon_deletes_images_but_for_what_an_index_lists(
    start: Start, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    vendor = start(Amazon)
    missing = f"sha256:{'0' * 64}"
    fill(vendor, make_targets, (SHARED, ("a", "b")), (INDEX, ("old",)), (LOOSE, ()))
    _, repository = opened(vendor, make_targets, tmp_path)
    child = INDEX.children[0].digest
    for digest in (LOOSE.digest, SHARED.digest):
        way(repository).delete_manifest(digest)
    with pytest.raises(NotFound):
        way(repository).delete_manifest(missing)
    with pytest.raises(Invalid) as caught:
        way(repository).delete_manifest(child)
    assert (caught.value.code, caught.value.hint) == (
        "ImageReferencedByManifestList",
        "an index lists the image: it goes after the index",
    )
    assert {one.digest for one in vendor.held} == {INDEX.digest, *(one.digest for one in INDEX.children)}
    foreseeing = way(repository)
    assert isinstance(foreseeing, Foresees)
    for delete in (foreseeing.require_tag, way(repository).delete_tag):
        with pytest.raises(Invalid, match="the last one of its image"):
            delete("old")
    assert vendor.tags == {"old": INDEX.digest}


def test_github_refusal_of_the_last_version_with_a_tag_says_what_helps(
    start: Start, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    vendor = start(Github)
    fill(vendor, make_targets, (SHARED, ("a", "b")), (LOOSE, ()))
    _, repository = opened(vendor, make_targets, tmp_path)
    with pytest.raises(Invalid, match="cannot delete the last tagged version") as caught:
        way(repository).delete_manifest(SHARED.digest)
    assert "let the policy keep one" in str(caught.value.hint)
    way(repository).delete_manifest(LOOSE.digest)
    assert {one.digest for one in vendor.held} == {SHARED.digest}


def test_credentials_go_to_the_hosts_of_the_vendor_in_the_form_that_each_takes(
    start: Start, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    vendor = start(Gitlab)
    fill(vendor, make_targets, (SHARED, ("a", "b")))
    _, repository = opened(vendor, make_targets, tmp_path)
    way(repository).delete_tag("a")
    assert {one.headers["host"] for one in vendor.api_requests} == {"gitlab.com"}
    assert all(one.headers.get("private-token") == SECRET for one in vendor.api_requests)
    assert all("authorization" not in one.headers for one in vendor.api_requests)
    with pytest.raises(RegistryError, match="Tag Not Found"):
        way(repository).delete_tag("a")


def test_prune_at_the_hub_removes_tags_and_names_what_the_registry_cannot_do(
    start: Start, make_targets: TargetsFactory, tmp_path: Path, git_repo: GitRepo, shipmark: Shipmark
) -> None:
    vendor = start(Hub)
    fill(vendor, make_targets, (INDEX, ("sha-1", "sha-2")), (SHARED, ("release-1",)))
    git_repo.commit("first", files={".gitignore": ".shipmark/\n"})
    rules = {**POLICY, "delete": [{"match": "sha-*", "older_than": "30d"}]}
    git_repo.write({"shipmark.yml": json.dumps({"image": vendor.image, "retention": rules})})
    env = {"DOCKER_CONFIG": str(tmp_path), "SHIPMARK_CA_FILE": vendor.net.ca, **vendor.net.env}
    plan = shipmark("prune", "--json", cwd=git_repo.path, env=env)
    assert plan.code == 0, plan.stderr
    (repository,) = plan.json["repositories"]
    assert (repository["images"], repository["kept"], repository["deleted"]) == (2, 1, [])
    assert {one["tag"]: one["kept"] for one in repository["untagged"]} == dict.fromkeys(
        ("sha-1", "sha-2"), "the registry deletes tags only"
    )
    done = shipmark("prune", "--apply", plan.json["plan"], cwd=git_repo.path, env=env)
    assert done.code == 0, done.stderr
    assert vendor.tags == {"release-1": SHARED.digest}
    assert vendor.on(INDEX.digest) is not None


def test_prune_at_github_keeps_a_version_to_which_a_tag_was_moved(
    start: Start, make_targets: TargetsFactory, tmp_path: Path, git_repo: GitRepo, shipmark: Shipmark
) -> None:
    vendor = start(Github)
    fill(vendor, make_targets, (INDEX, ("sha-1",)), (LOOSE, ("sha-2",)), (SHARED, ("main", "release-1")))
    git_repo.commit("first", files={".gitignore": ".shipmark/\n"})
    git_repo.write({"shipmark.yml": json.dumps({"image": vendor.image, "retention": POLICY})})
    env = {"DOCKER_CONFIG": str(tmp_path), "SHIPMARK_CA_FILE": vendor.net.ca, **vendor.net.env}
    plan = shipmark("prune", "--json", cwd=git_repo.path, env=env)
    assert plan.code == 0, plan.stderr
    answer = vendor.api

    def move(request):  # type: ignore[no-untyped-def]  # as `Vendor.api`
        # The plan was read, and no version is read by its id before the first deletion: somebody moves `main` now.
        if "/versions/" in request.path and vendor.tags["main"] == SHARED.digest:
            fill(vendor, make_targets, (LOOSE, ("main",)))
        return answer(request)

    vendor.api = move  # type: ignore[method-assign]  # a hook of this test
    done = shipmark("prune", "--apply", plan.json["plan"], cwd=git_repo.path, env=env)
    assert done.code == 7, done.stderr
    assert "`main` needs" in done.stderr
    assert vendor.tags == {"main": LOOSE.digest, "sha-2": LOOSE.digest, "release-1": SHARED.digest}
    assert vendor.on(INDEX.digest) is None
