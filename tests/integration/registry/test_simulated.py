"""Pushes and pulls at servers like Docker Hub and Azure Container Registry, over TLS; the end state is in storage."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release.control import Cancel
from release.errors import Denied, Unreachable
from release.events import NullSink
from release.layout.layout import Layout
from release.transfer.copy import copy_image
from tests.support.registries.images import Image, make_image, make_tar, store
from tests.support.registries.registry import RegistryServer
from tests.support.registries.simulated import REFRESH, SECRET, USER, Azure, Hub
from tests.support.registries.targets import TargetsFactory

IMAGE = make_image({"a": b"1"}, layers=(make_tar({"data": b"\x5a" * 300_000}),))


@pytest.fixture
def hub(tmp_path: Path, registry_server: RegistryServer) -> Iterator[Hub]:
    server = Hub(tmp_path / "hub", registry_server)
    yield server
    server.close()


@pytest.fixture
def azure(tmp_path: Path, registry_server: RegistryServer) -> Iterator[Azure]:
    server = Azure(tmp_path / "azure", registry_server)
    yield server
    server.close()


def _opened(
    make: TargetsFactory, server: Hub | Azure, folder: Path, entry: dict[str, str], **more: Any
) -> Any:
    (folder / "config.json").write_text(json.dumps({"auths": {server.host: entry}}))
    targets = make(env={"DOCKER_CONFIG": str(folder)}, ca=server.ca, **more)
    return targets, targets.open(f"{server.host}/acme/app")


def _basic(secret: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{USER}:{secret}".encode()).decode()}


def _push(image: Image, folder: Path, repository: Any) -> None:
    layout = Layout.create(str(folder / "layout"))
    store(image, layout, "1.0")
    copy_image(layout, repository, image.digest, sink=NullSink(), cancel=Cancel())
    repository.put_manifest(layout.manifest(image.digest), tag="1.0")


def test_push_to_a_server_like_the_hub_takes_one_token_for_reading_and_writing(
    hub: Hub, registry_server: RegistryServer, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    _, repository = _opened(make_targets, hub, tmp_path, _basic())
    repository.check_push()
    _push(IMAGE, tmp_path, repository)
    assert repository.tags() == ("1.0",)
    assert registry_server.manifest("acme/app", "1.0")[0] == IMAGE.digest
    assert len(hub.tokens) == 1


def test_short_rate_limit_of_docker_hub_is_waited_for_and_a_long_one_is_an_error(
    hub: Hub, registry_server: RegistryServer, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    _, repository = _opened(make_targets, hub, tmp_path, _basic())
    _push(IMAGE, tmp_path, repository)
    hub.reads, hub.waits = 0, "3600"
    hub.counts.clear()
    _, again = _opened(make_targets, hub, tmp_path, _basic())
    with pytest.raises(Unreachable, match="asks to wait 3600 seconds, and 5 are waited at most") as caught:
        again.manifest("1.0")
    assert "100 reads in 21600 seconds" in str(caught.value.hint)
    hub.reads, hub.waits = 0, "1"
    hub.counts.clear()
    assert again.manifest("1.0").digest == IMAGE.digest


def test_error_text_of_a_token_server_is_shown(
    hub: Hub, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    _, repository = _opened(make_targets, hub, tmp_path, _basic("wrong"))
    with pytest.raises(Denied, match="incorrect username or password") as caught:
        repository.tags()
    assert "wrong" not in caught.value.message


def test_uploads_and_blobs_at_a_server_like_azure_go_to_its_storage_without_a_credential(
    azure: Azure, registry_server: RegistryServer, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    _, repository = _opened(make_targets, azure, tmp_path, {"identitytoken": REFRESH})
    _push(IMAGE, tmp_path, repository)
    assert registry_server.manifest("acme/app", "1.0")[0] == IMAGE.digest
    assert azure.counts["PUT redirected"] == 3  # two layers and the config
    for blob, content in IMAGE.blobs.items():
        status, _, stored = registry_server.request("GET", f"/v2/acme/app/blobs/{blob}")
        assert (status, stored) == (200, content)
    back = Layout.create(str(tmp_path / "back"))
    copy_image(repository, back, IMAGE.digest, sink=NullSink(), cancel=Cancel())
    assert back.manifest(IMAGE.digest).raw == repository.manifest("1.0").raw
    assert azure.storage.requests
    assert not [one for one in azure.storage.requests if "authorization" in one.headers]


def test_refused_exchange_of_a_refresh_token_shows_the_servers_error_text(
    azure: Azure, make_targets: TargetsFactory, tmp_path: Path
) -> None:
    _, repository = _opened(make_targets, azure, tmp_path, {"identitytoken": "old"})
    with pytest.raises(Denied, match="the refresh token is not for this registry"):
        repository.tags()
