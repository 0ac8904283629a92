"""The registry client with a real docker-registry; skopeo checks independently what was pushed."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import sys
from pathlib import Path

import pytest

from release.errors import ConfigError, Invalid, NotFound, Unreachable
from release.layout.layout import Layout
from release.oci import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor
from release.oci.image_config import image_facts
from release.oci.manifest import encode_manifest
from tests.support.registries.images import copy_between, digest, layout_with, make_image, make_index, store
from tests.support.registries.registry import RegistryFactory, RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.services.required import program, require


def _skopeo(*arguments: str) -> str:
    require("skopeo")
    done = subprocess.run([program("skopeo"), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_pushed_index_is_resolved_and_read_unchanged(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    index = make_index(
        make_image({"a": b"1"}, labels={"x": "y"}), make_image({"a": b"2"}, platform="linux/arm64")
    )
    layout = layout_with(tmp_path, index, "1.0")
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    copy_between(layout, remote, index)
    assert remote.resolve("1.0") is None
    remote.put_manifest(index.manifest, tag="1.0")
    remote.put_manifest(index.manifest, tag="latest")
    assert remote.resolve("1.0") == index.descriptor()
    assert remote.manifest("latest") == index.manifest
    assert set(remote.tags()) == {"1.0", "latest"}
    assert registry_server.tags("acme/app") == {"1.0": index.digest, "latest": index.digest}
    shown = _skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry_server.host}/acme/app:1.0")
    assert digest(shown.encode()) == index.digest
    for name, blob in index.all_blobs().items():
        with remote.open_blob(Descriptor(media_type="x", digest=name, size=len(blob))) as stream:
            assert stream.read() == blob


def test_skopeo_pulls_a_pushed_image(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image({"a": random.Random(3).randbytes(3_000_000)})
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    copy_between(layout_with(tmp_path, image), remote, image)
    remote.put_manifest(image.manifest, tag="1.0")
    source = f"docker://{registry_server.host}/acme/app:1.0"
    _skopeo("copy", "--src-tls-verify=false", source, f"oci:{tmp_path / 'pulled'}:1.0")
    assert Layout(str(tmp_path / "pulled")).manifest("1.0") == image.manifest


def test_repeated_push_of_an_image_sends_only_reading_requests(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    layout = layout_with(tmp_path, image)
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    copy_between(layout, remote, image)
    before = len(registry_server.access_log())
    copy_between(layout, make_targets().open(f"{registry_server.host}/acme/app"), image)
    again = registry_server.access_log()[before:]
    # How http is spoken; then the manifest, its config and its layer, all at once.
    assert [(entry.method, entry.status) for entry in again] == [("GET", 200), *[("HEAD", 200)] * 3]


def test_reading_a_registry_repository_sends_only_get_and_head(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    remote = make_targets().open(f"{registry_server.host}/acme/none")
    assert remote.resolve("1.0") is None
    assert remote.tags() == ()
    assert image_facts(remote, "1.0") is None
    assert not remote.has_blob(Descriptor(media_type="x", digest=digest(b"x"), size=1))
    with pytest.raises(NotFound):
        remote.manifest("1.0")
    assert {entry.method for entry in registry_server.access_log()} == {"GET", "HEAD"}


def test_check_push_leaves_no_upload_session(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    make_targets().open(f"{registry_server.host}/acme/app").check_push()
    assert [entry.method for entry in registry_server.access_log()] == ["GET", "POST", "DELETE"]
    assert not list(registry_server.root.rglob("_uploads/*/data"))


def test_image_index_is_resolved_by_its_tag(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    # A narrow Accept makes this registry answer 404 for a tag that exists.
    index = make_index(make_image())
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    store(index, remote, "1.0")
    assert remote.resolve("1.0") == index.descriptor()


def test_docker_manifest_keeps_its_digest(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image(docker=True)
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    store(image, remote, "1.0")
    assert remote.resolve("1.0") == image.descriptor()


def test_image_facts_are_read_from_the_configs(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    one = make_image({"a": b"1"}, labels={"org.opencontainers.image.version": "1.0"})
    two = make_image({"a": b"2"}, platform="linux/arm64")
    index = make_index(one, two)
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    store(index, remote, "1.0")
    facts = image_facts(remote, "1.0")
    assert facts is not None
    assert (facts.digest, facts.platforms) == (index.digest, ("linux/amd64", "linux/arm64"))
    assert facts.labels == {"org.opencontainers.image.version": "1.0"}
    single = image_facts(remote, two.digest)
    assert single is not None
    assert single.platforms == ("linux/arm64",)


def test_blobs_are_mounted_from_a_named_repository(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    layout = layout_with(tmp_path, image)
    targets = make_targets()
    copy_between(layout, targets.open(f"{registry_server.host}/acme/first"), image)
    before = len(registry_server.access_log())
    second = targets.open(f"{registry_server.host}/acme/second")
    copy_between(layout, second, image, mount_from=("acme/none", "acme/first"))
    sent = registry_server.access_log()[before:]
    assert not [entry for entry in sent if entry.method == "PUT" and "/blobs/" in entry.path]
    assert second.resolve(image.digest) is not None
    assert not list(registry_server.root.rglob("_uploads/*/data"))


def test_copy_between_two_registries_keeps_the_bytes_of_the_manifest(
    registry_factory: RegistryFactory, make_targets: TargetsFactory
) -> None:
    here, there = registry_factory(), registry_factory()
    index = make_index(make_image({"a": b"1"}), make_image({"a": b"2"}))
    targets = make_targets()
    source = targets.open(f"{here.host}/acme/app")
    store(index, source, "1.0")
    destination = targets.open(f"{there.host}/other/app")
    copy_between(source, destination, index)
    assert destination.manifest(index.digest) == index.manifest


def test_copy_from_a_registry_into_a_layout_keeps_the_bytes_of_the_manifest(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    targets = make_targets(root=str(tmp_path))
    source = targets.open(f"{registry_server.host}/acme/app")
    store(image, source, "1.0")
    destination = targets.open("oci:pulled")
    copy_between(source, destination, image)
    assert destination.manifest(image.digest) == image.manifest
    assert (tmp_path / "pulled" / "oci-layout").exists()


def test_registry_client_deletes_a_tag_alone_or_refuses(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    store(image, remote, "1.0", "latest")
    refusal: Invalid | None = None
    try:
        remote.delete_tag("latest")
    except Invalid as error:
        refusal = error
    if refusal is None:  # distribution 3
        assert remote.tags() == ("1.0",)
    else:  # distribution 2
        assert "cannot delete a tag alone" in refusal.message
        assert refusal.hint == "deleting the digest removes every tag on it"
        assert set(remote.tags()) == {"1.0", "latest"}
    remote.delete_manifest(image.digest)
    assert remote.resolve("1.0") is None


_COPY_AND_MEASURE = """
import re, sys, time
from release.control import Cancel, Deadline
from release.registry.registries import RegistryPool
from release.transfer.copy import copy_image
from release.events import NullSink
from tests.support.registries.targets import SystemClock
cancel, clock = Cancel(), SystemClock()
with RegistryPool(env={}, read=lambda path: None, process=None, clock=clock, sink=NullSink(), cancel=cancel,
             deadline=Deadline(None, now=time.monotonic)) as targets:
    source, destination, digest = sys.argv[1:]
    copy_image(targets.open(source), targets.open(destination), digest, sink=NullSink(), cancel=cancel)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_copying_a_layer_of_200_mb_takes_less_than_60_mb_of_memory(
    tmp_path: Path, registry_factory: RegistryFactory, make_targets: TargetsFactory
) -> None:
    # As it is, without compression: 200 MB that are the same everywhere cost no disk in the layout.
    layer = Descriptor(media_type=OCI_LAYER, digest=_digest_of_zeros(200_000_000), size=200_000_000)
    layout = Layout.create(str(tmp_path / "l"))
    with open(layout.blob_path(layer.digest), "wb") as blob:
        blob.truncate(layer.size)
    config = b"{}"
    described = Descriptor(media_type=OCI_CONFIG, digest=digest(config), size=len(config))
    layout.put_blob(described, lambda: io.BytesIO(config))
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": [layer]}
    manifest = encode_manifest(document, OCI_MANIFEST)
    layout.put_manifest(manifest)
    one, two = registry_factory(), registry_factory()
    here, there = f"{one.host}/app", f"{two.host}/app"
    for source, destination in ((f"oci:{layout.path}", here), (here, there)):
        done = subprocess.run(
            [sys.executable, "-c", _COPY_AND_MEASURE, source, destination, manifest.digest],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < 60_000, f"{source}: {done.stdout} kB"
    assert make_targets().open(there).resolve(manifest.digest) is not None


_COPY_WITH_A_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from release.control import Cancel
from release.image_names.names import TransportContext, open_destination
from release.layout.layout import Layout
from release.transfer.copy import copy_image
from release.events import NullSink
source, destination, digest = sys.argv[1:]
workshop = TransportContext(store=Layout(destination + ".store"), root="/", sink=NullSink(), cancel=Cancel())
folder = open_destination("dir:" + destination, workshop).repository
place = Layout(destination) if destination.endswith("layout") else folder
try:
    copy_image(Layout(source), place, digest, sink=NullSink(), cancel=Cancel())
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("kind", ["layout", "folder"])
def test_copy_into_a_layout_or_folder_on_a_full_disk_leaves_no_partial_image(
    kind: str, tmp_path: Path
) -> None:
    image = make_image({"a": random.Random(9).randbytes(500_000)})
    store(image, Layout(str(tmp_path / "source")))
    place = tmp_path / kind
    done = subprocess.run(
        [sys.executable, "-c", _COPY_WITH_A_LIMIT, tmp_path / "source", place, image.digest],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.startswith("RegistryError"), done.stdout + done.stderr
    assert "file too large" in done.stdout.lower()
    assert not list(place.rglob(".partial*"))
    assert image.digest.removeprefix("sha256:") not in {path.name for path in place.rglob("*")}


def _digest_of_zeros(size: int) -> str:
    found = hashlib.sha256()
    for _ in range(size // 1_000_000):
        found.update(bytes(1_000_000))
    return f"sha256:{found.hexdigest()}"


def test_stopped_registry_raises_unreachable_with_its_host(
    registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    registry_server.stop()
    with pytest.raises(Unreachable, match=registry_server.host):
        make_targets().open(f"{registry_server.host}/acme/app").resolve("1.0")


def test_push_succeeds_after_a_registry_restart(
    tmp_path: Path, registry_server: RegistryServer, make_targets: TargetsFactory
) -> None:
    image = make_image()
    remote = make_targets().open(f"{registry_server.host}/acme/app")
    assert remote.resolve("1.0") is None
    registry_server.stop()
    registry_server.start()
    copy_between(layout_with(tmp_path, image), remote, image)
    assert remote.resolve(image.digest) is not None


@pytest.mark.parametrize(
    "target", ["oci:", "oci:a:b", "not a reference", "ghcr.io/acme/app:1.0", "https://ghcr.io/a/b"]
)
def test_text_that_names_no_repository_is_refused(target: str, make_targets: TargetsFactory) -> None:
    with pytest.raises(ConfigError):
        make_targets().open(target)
