"""Layers are sent to a registry while they are compressed; where that fails, the push sends them afterwards."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release.compression.compress import CompressedLayer, compress_pieces
from release.compression.parallel_gzip import PIECE
from release.control import Cancel
from release.errors import BuildError, Interrupted
from release.layout.layout import Layout
from release.transfer import ahead
from release.transfer.ahead import SendAhead
from release.transfer.copy import opener
from tests.support.registries.faults import Do, Fault, FaultProxy, Flip, Reset, Rule, Status
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import Opened, TargetsFactory
from tests.support.releases.project import Project

_WAIT = 30.0  # seconds for what takes milliseconds on a quiet machine


@pytest.fixture(autouse=True)
def _small_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_FROM", 1)


def pieces(seed: object, count: int = 8, reached: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """Yield `count` pieces of random bytes. `reached`: called before each piece with its number."""
    source = random.Random(str(seed))
    for number in range(count):
        reached(number)
        yield source.randbytes(PIECE)


def build(targets: Opened, place: str, layout: Layout, source: Iterator[bytes]) -> CompressedLayer:
    destination: Any = targets.open(place)
    with SendAhead(destination, targets.cancel) as sending:
        return compress_pieces(source, layout, check=targets.cancel.check, watch=sending.watch)


def push(targets: Opened, place: str, layout: Layout, layer: CompressedLayer) -> bool:
    destination = targets.open(place)
    return destination.put_blob(layer.descriptor, opener(layout, destination, layer.descriptor))


def test_a_layer_is_sent_while_it_is_compressed_and_not_again(
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
    tmp_path: Path,
) -> None:
    begun = threading.Event()
    proxy = fault_proxy(registry_server.host, Rule("PATCH", "/blobs/uploads/", Do(begun.set)))
    targets, layout, place = make_targets(), Layout(str(tmp_path / "store")), f"{proxy.host}/ahead/sent"

    def reached(number: int) -> None:
        assert number != 7 or begun.wait(_WAIT)  # the last piece is made when the upload is under way

    layer = build(targets, place, layout, pieces("sent", reached=reached))
    assert not push(targets, place, layout, layer)
    with targets.open(place).open_blob(layer.descriptor) as stream:
        found = hashlib.sha256(stream.read()).hexdigest()
    assert layer.descriptor.digest == f"sha256:{found}"
    assert (proxy.count("PATCH"), proxy.count("PUT", "/blobs/uploads/")) == (1, 1)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("POST", Status(500)),
        ("POST", Status(401)),
        ("PATCH", Status(413)),
        ("PATCH", Status(401)),
        ("PATCH", Reset(after=1_000_000)),
        ("PATCH", Reset(apply=True)),
        ("PATCH", Flip(up=True)),
        ("PUT", Status(503)),
        ("PUT", Status(400)),
    ],
    ids=[
        "no-session",
        "no-session-for-this-user",
        "too-large",
        "not-for-this-user",
        "broken-off",
        "answer-lost",
        "other-bytes",
        "not-closed",
        "refused",
    ],
)
def test_a_layer_that_could_not_be_sent_ahead_is_pushed_afterwards(
    method: str,
    fault: Fault,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
    tmp_path: Path,
) -> None:
    proxy = fault_proxy(registry_server.host, Rule(method, "/blobs/uploads/", fault))
    targets, layout, place = make_targets(), Layout(str(tmp_path / "store")), f"{proxy.host}/ahead/fails"
    layer = build(targets, place, layout, pieces((method, fault)))
    assert not targets.open(place).has_blob(layer.descriptor)
    assert push(targets, place, layout, layer)
    assert targets.open(place).has_blob(layer.descriptor)


def test_a_layer_that_the_registry_has_is_not_sent_to_its_end(
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
    tmp_path: Path,
) -> None:
    layout, name = Layout(str(tmp_path / "store")), "ahead/there"
    first = build(make_targets(), f"{registry_server.host}/{name}", layout, pieces("there", count=40))
    asked = threading.Event()
    proxy = fault_proxy(
        registry_server.host,
        Rule("PATCH", "/blobs/uploads/", Do(lambda: asked.wait(_WAIT))),  # a slow link
        Rule("HEAD", "/blobs/sha256", Do(asked.set)),
    )
    again = build(make_targets(), f"{proxy.host}/{name}", layout, pieces("there", count=40))
    assert again == first
    assert (proxy.count("PUT", "/blobs/uploads/"), proxy.count("DELETE", "/blobs/uploads/")) == (0, 1)


@pytest.mark.parametrize(
    "error", [BuildError("a file changed"), Interrupted("stopped")], ids=["build", "signal"]
)
def test_a_layer_whose_build_is_ended_is_stored_neither_in_registry_nor_layout(
    error: BuildError | Interrupted,
    registry_server: RegistryServer,
    fault_proxy: Callable[..., FaultProxy],
    make_targets: TargetsFactory,
    tmp_path: Path,
) -> None:
    begun, cancel = threading.Event(), Cancel()
    proxy = fault_proxy(registry_server.host, Rule("PATCH", "/blobs/uploads/", Do(begun.set)))
    targets, layout = make_targets(cancel=cancel), Layout(str(tmp_path / "store"))

    def reached(number: int) -> None:
        if number == 7:
            assert begun.wait(_WAIT)
            if isinstance(error, Interrupted):
                cancel.trip(error)
            raise error

    with pytest.raises(type(error)):
        build(targets, f"{proxy.host}/ahead/broken", layout, pieces("broken", reached=reached))
    assert proxy.count("PUT", "/blobs/uploads/") == 0
    assert [path for path in (tmp_path / "store").rglob("*") if path.stat().st_size > PIECE] == []


@pytest.mark.parametrize("checks", [False, True], ids=["no-checks", "with-checks"])
def test_run_sends_a_large_layer_ahead_unless_a_check_may_refuse_the_image(
    checks: bool, project: Project, fault_proxy: Callable[..., FaultProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    proxy = fault_proxy(project.registry.host)
    checked = {"checks": [{"name": "smoke", "run": ["true"]}]} if checks else {}
    project.configure(image=f"{proxy.host}/acme/app", **checked)
    large = random.Random(7).randbytes(ahead._FROM + 8 * PIECE)
    project.release_commit("v1.0.0", files={"hello.txt": large})
    project.must("run")
    assert proxy.count("PATCH", "/blobs/uploads/") == (0 if checks else 1)
    assert proxy.count("PUT", "/blobs/uploads/") == 2  # the layer and the config, each once
    manifest = project.registry.manifest("acme/app", "1.0.0")[0]
    assert manifest
