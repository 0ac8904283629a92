"""Pushes, copies, lists and deletions in a registry, over http and TLS, with each kind of authentication.

To test another server: `SHIPMARK_TEST_REGISTRY=PROGRAM pytest tests/integration/registry/test_matrix.py`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from release.errors import Denied, NotFound, Unreachable
from release.layout.layout import Layout
from release.oci import Repository
from release.transfer.holders import resolve_tags
from release.transfer.referrers import attach, find_referrers
from tests.support.programs.command import Result, Shipmark
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.registry import Access, RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.registries.tls import Authority
from tests.support.releases.git import GitRepo
from tests.support.releases.project import FILES, Project
from tests.support.services.required import require

ONE = make_image({"a": b"one"}, labels={"version": "1"})
ARM = make_image({"a": b"arm"}, platform="linux/arm64")
INDEX = make_index(ONE, ARM)
OTHER = make_image({"b": b"other"})
MANY = [f"1.{minor}.{patch}" for minor in range(11) for patch in range(92)]


class Way(NamedTuple):
    """One way to reach a registry: http or TLS, and the kind of authentication."""

    tls: bool
    auth: str | None

    def __str__(self) -> str:
        return f"{'tls' if self.tls else 'http'}-{self.auth or 'anonymous'}"


WAYS = [Way(tls, auth) for tls in (False, True) for auth in (None, "basic", "token")]


def _only(fits: Callable[[Way], object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", [way for way in WAYS if fits(way)], ids=str, indirect=True)


with_credentials = _only(lambda way: way.auth)
with_tls = _only(lambda way: way.tls)
with_tokens = _only(lambda way: way.auth == "token")


class Place:
    """Two registries of one kind, and the environment variables with which they accept requests."""

    def __init__(self, way: Way, folder: Path) -> None:
        self.way = way
        authority = Authority(folder / "authority")
        options: dict[str, Any] = {"auth": way.auth, "tls": way.tls, "authority": authority}
        self.here = RegistryServer(folder / "here", **options)
        self.there = RegistryServer(folder / "there", **options)
        pair = base64.b64encode(f"{self.here.username}:{self.here.password}".encode()).decode()
        entry = {"auth": pair} if way.auth else {}
        self.secrets = (str(self.here.password), pair) if way.auth else ()
        self.authority = str(authority.path)
        self.trust = {"SSL_CERT_FILE": self.authority} if way.tls else {}
        self.config = folder / "config.json"
        self.config.write_text(json.dumps({"auths": {self.here.host: entry, self.there.host: entry}}))
        self.login = {"DOCKER_CONFIG": str(folder)}
        self.env = {**self.login, **self.trust}
        self.names = (f"acme/app-{number}" for number in count())

    def close(self) -> None:
        self.here.close()
        self.there.close()


@pytest.fixture(scope="module", params=WAYS, ids=str)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    require("docker-registry")
    made = Place(request.param, tmp_path_factory.mktemp(str(request.param)))
    yield made
    made.close()


class Scene:
    """One repository that no other test uses, with a client for it and the command `shipmark`."""

    def __init__(self, place: Place, shipmark: Shipmark, make_targets: TargetsFactory) -> None:
        self.place = place
        self.path = next(place.names)
        self.name = f"{place.here.host}/{self.path}"
        self.elsewhere = f"{place.there.host}/{self.path}"
        self.variable = "SHIPMARK_REGISTRY_" + place.here.host.replace(".", "_").replace(":", "___")
        self.shipmark = shipmark
        self.targets = make_targets(env=place.env)

    def put(self, image: Image, *tags: str) -> None:
        store(image, self.client(), *tags)

    def client(self, name: str | None = None) -> Repository:
        return self.targets.open(name or self.name)

    def __call__(self, *args: str, env: dict[str, str] | None = None, **more: Any) -> Result:
        result = self.shipmark("image", *args, env=self.place.env if env is None else env, **more)
        for secret in self.place.secrets:
            assert secret not in result.stdout + result.stderr
        return result

    def must(self, *args: str, **more: Any) -> Result:
        result = self(*args, **more)
        assert result.code == 0, result.stderr
        return result

    def tags(self) -> dict[str, str]:
        return self.place.here.tags(self.path)

    def sent(self, *methods: str) -> list[Access]:
        """Return the successful requests to this repository in the registry's access log."""
        return [
            one
            for one in self.place.here.requests(*methods)
            if f"/v2/{self.path}" in one.path and one.status < 400
        ]


@pytest.fixture
def scene(place: Place, shipmark: Shipmark, make_targets: TargetsFactory) -> Scene:
    return Scene(place, shipmark, make_targets)


class TestContent:
    def test_pushed_and_pulled_index_is_unchanged(self, scene: Scene, tmp_path: Path) -> None:
        store(INDEX, Layout(str(tmp_path / "image")), "1.0.0")
        said = scene.must("copy", "oci:image:1.0.0", scene.name, cwd=tmp_path).stdout.strip()
        assert said == f"{scene.name}:1.0.0@{INDEX.digest}"
        assert scene.tags() == {"1.0.0": INDEX.digest}
        for digest, blob in INDEX.all_blobs().items():
            status, _, held = scene.place.here.request("GET", f"/v2/{scene.path}/blobs/{digest}")
            assert (status, held) == (200, blob)
        scene.must("copy", f"{scene.name}:1.0.0", "oci:pulled", cwd=tmp_path)
        pulled = Layout(str(tmp_path / "pulled"))
        assert pulled.manifest("1.0.0") == INDEX.manifest
        for digest, blob in INDEX.all_blobs().items():
            assert Path(pulled.blob_path(digest)).read_bytes() == blob

    def test_repeated_image_copy_sends_no_writing_request(self, scene: Scene, tmp_path: Path) -> None:
        store(ONE, Layout(str(tmp_path / "image")), "1.0.0")
        for _ in range(2):
            before = len(scene.sent("POST", "PUT"))
            scene.must("copy", "oci:image:1.0.0", scene.name, cwd=tmp_path)
        assert before > 0
        assert len(scene.sent("POST", "PUT")) == before

    def test_image_copy_within_a_registry_mounts_blobs(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        other = Scene(scene.place, scene.shipmark, lambda **_: scene.targets)
        scene.must("copy", f"{scene.name}:1.0.0", other.name)
        assert other.tags() == {"1.0.0": INDEX.digest}
        assert not [one for one in other.sent("PUT") if "/blobs/" in one.path]
        mounted = [one.status for one in other.sent("POST")]
        assert mounted == [201] * len(INDEX.all_blobs())

    def test_image_copy_to_another_registry_keeps_the_digest(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        scene.must("copy", f"{scene.name}:1.0.0", scene.elsewhere)
        assert scene.place.there.tags(scene.path) == {"1.0.0": INDEX.digest}

    def test_client_resolves_stored_and_missing_images(self, scene: Scene) -> None:
        client = scene.client()
        assert (client.resolve("1.0.0"), client.tags()) == (None, ())
        with pytest.raises(NotFound):
            client.manifest("1.0.0")
        client.check_push()
        scene.put(ONE, "1.0.0")
        assert client.resolve("1.0.0") == ONE.descriptor()
        assert client.manifest(ONE.digest) == ONE.manifest


class TestReading:
    def test_image_list_lists_tags_on_several_pages(self, scene: Scene) -> None:
        scene.put(ONE, MANY[0])
        scene.place.here.add_tags(scene.path, ONE.digest, MANY[1:])
        listed = scene.must("list", scene.name).stdout.split()
        assert listed == list(reversed(MANY))
        assert set(scene.client().tags()) == set(MANY)

    def test_image_list_with_digests_gives_the_digest_of_each_tag(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(INDEX, "2.0.0")
        scene.place.here.add_tags(scene.path, ONE.digest, MANY[101:200])
        listed = scene.must("list", scene.name, "--digests", "--json").json["tags"]
        expected = {**dict.fromkeys(["1.0.0", *MANY[101:200]], ONE.digest), "2.0.0": INDEX.digest}
        assert {tag["name"]: tag["digest"] for tag in listed} == expected
        held = resolve_tags(scene.client(), expected, cancel=scene.targets.cancel)
        assert {tag: found.digest for tag, found in held.items() if found} == expected

    def test_image_inspect_shows_platforms_and_labels_of_an_index(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        found = scene.must("inspect", f"{scene.name}:1.0.0", "--json").json
        assert found["digest"] == INDEX.digest
        assert [one["digest"] for one in found["platforms"]] == [ONE.digest, ARM.digest]
        assert found["platforms"][0]["labels"] == {"version": "1"}

    def test_image_digest_with_platform_prints_the_digest_of_that_platforms_manifest(
        self, scene: Scene
    ) -> None:
        scene.put(INDEX, "1.0.0")
        arm = scene.must("digest", f"{scene.name}:1.0.0", "--platform", "linux/arm64")
        assert arm.stdout.strip() == ARM.digest


class TestTags:
    def test_image_tag_adds_a_tag_to_the_digest_of_another_tag(self, scene: Scene) -> None:
        scene.put(INDEX, "1.0.0")
        scene.must("tag", f"{scene.name}:1.0.0", "stable")
        assert scene.tags() == {"1.0.0": INDEX.digest, "stable": INDEX.digest}

    def test_image_tag_refuses_a_tag_of_another_image(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0")
        scene.put(OTHER, "stable")
        assert scene("tag", f"{scene.name}:1.0.0", "stable").code == 6
        assert scene.tags()["stable"] == OTHER.digest

    def test_image_delete_of_a_tag_deletes_that_tag_alone_or_refuses(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1", "latest")
        result = scene("delete", f"{scene.name}:1")
        if result.code == 0:  # distribution 3
            assert scene.tags() == {"1.0.0": ONE.digest, "latest": ONE.digest}
        else:  # distribution 2
            assert result.code == 5
            assert "`1.0.0`, `latest` share its digest" in result.stderr
            assert set(scene.tags()) == {"1.0.0", "1", "latest"}

    def test_image_delete_by_digest_deletes_all_tags_of_the_digest(self, scene: Scene) -> None:
        scene.put(ONE, "1.0.0", "1")
        scene.put(OTHER, "2.0.0")
        gone = scene.must("delete", "--digest", f"{scene.name}@{ONE.digest}", "--json").json
        assert sorted(gone["tags"]) == ["1", "1.0.0"]
        assert scene.client().resolve(ONE.digest) is None
        assert scene.client().resolve("2.0.0") == OTHER.descriptor()


def test_image_copy_with_referrers_copies_a_referrer(scene: Scene) -> None:
    scene.put(ONE, "1.0.0")
    about = {"mediaType": ONE.manifest.media_type, "digest": ONE.digest, "size": len(ONE.manifest.raw)}
    sbom = make_image({"sbom": b"{}"}, extra={"subject": about, "artifactType": "application/spdx+json"})
    scene.put(sbom)
    attach(scene.client(), sbom.manifest)
    scene.must("copy", f"{scene.name}:1.0.0", scene.elsewhere, "--referrers")
    shown = scene.must("inspect", f"{scene.elsewhere}:1.0.0", "--json").json["referrers"]
    assert [(one["digest"], one["artifact_type"]) for one in shown] == [
        (sbom.digest, "application/spdx+json")
    ]
    there = scene.client(scene.elsewhere)
    assert [one.digest for one in find_referrers(there, ONE.digest)] == [sbom.digest]


def test_release_is_pushed_and_promoted_to_both_registries(
    scene: Scene, make_repo: Callable[[str], GitRepo], shipmark: Shipmark
) -> None:
    project = Project(make_repo("repo"), shipmark, scene.place.here)
    project.configure(image=scene.name)
    project.release_commit("v1.4.2", files=FILES)
    project.must("run", env=scene.place.env)
    digest = scene.tags()["1.4.2"]
    for to in (f"{scene.name}-prod", scene.elsewhere):
        project.must("promote", f"{scene.name}:1.4.2", "--to", to, env=scene.place.env)
    expected = dict.fromkeys(["1.4.2", "1.4", "1", "latest"], digest)
    assert scene.place.here.tags(f"{scene.path}-prod") == expected
    assert scene.place.there.tags(scene.path) == expected
    assert [entry["kind"] for entry in project.log].count("promoted") == 2


class TestCredentials:
    def test_login_check_shows_the_credential_and_its_rights(self, scene: Scene) -> None:
        said = scene.must("login-check", scene.name, "--json").json
        assert (said["read"], said["push"]) == (True, True)
        if scene.place.way.auth is None:
            assert said["kind"] == "anonymous"
        else:
            assert (said["kind"], said["username"]) == ("basic", "robot")
            assert str(scene.place.config) in said["source"]

    def test_credentials_from_variables_can_push_with_image_copy(self, scene: Scene, tmp_path: Path) -> None:
        password = str(scene.place.here.password)
        given = {f"{scene.variable}_USERNAME": "robot", f"{scene.variable}_TOKEN": password}
        store(ONE, Layout(str(tmp_path / "image")), "1.0.0")
        scene.must("copy", "oci:image:1.0.0", scene.name, env={**scene.place.trust, **given}, cwd=tmp_path)
        assert scene.tags() == {"1.0.0": ONE.digest}

    @with_credentials
    def test_push_without_a_credential_is_denied(self, scene: Scene, tmp_path: Path) -> None:
        store(ONE, Layout(str(tmp_path / "image")), "1.0.0")
        result = scene("copy", "oci:image:1.0.0", scene.name, env=scene.place.trust, cwd=tmp_path)
        assert result.code == 5
        assert f"docker login {scene.place.here.host}" in result.stderr
        assert scene.tags() == {}

    @with_credentials
    def test_wrong_password_is_denied_and_not_shown(self, scene: Scene) -> None:
        given = {f"{scene.variable}_USERNAME": "robot", f"{scene.variable}_PASSWORD": "wrong-password"}
        result = scene("login-check", scene.name, env={**scene.place.trust, **given})
        assert result.code == 5
        assert "wrong-password" not in result.stdout + result.stderr

    @with_tls
    def test_unknown_certificate_authority_of_a_registry_is_refused(
        self, scene: Scene, make_targets: TargetsFactory
    ) -> None:
        result = scene("digest", f"{scene.name}:1.0.0", env=scene.place.login)
        assert result.code == 5
        assert "SSL_CERT_FILE" in result.stderr
        with pytest.raises(Unreachable, match="certificate"):
            make_targets(env=scene.place.login).open(scene.name).resolve("1.0.0")

    @with_tls
    def test_named_certificate_authority_of_a_registry_is_accepted(
        self, scene: Scene, make_targets: TargetsFactory
    ) -> None:
        named = {**scene.place.login, "SHIPMARK_CA_FILE": scene.place.authority}
        assert "push        yes" in scene.must("login-check", scene.name, env=named).stdout
        make_targets(env=scene.place.login, ca=scene.place.authority).open(scene.name).check_push()

    @with_tokens
    def test_registry_token_is_requested_with_and_without_a_credential(
        self, scene: Scene, make_targets: TargetsFactory
    ) -> None:
        tokens = scene.place.here.tokens
        assert tokens is not None
        assert tokens.realm.startswith("https://" if scene.place.way.tls else "http://")
        before = len(tokens.requests)
        make_targets(env=scene.place.env).open(scene.name).check_push()
        with pytest.raises(Denied):
            make_targets(env=scene.place.trust).open(scene.name).check_push()
        assert {one.account for one in tokens.requests[before:]} == {"robot", None}
