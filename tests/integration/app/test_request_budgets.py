"""How many requests each command may send to a registry, and what each of them is for.

The commands run in this process with a clock that hardly moves: with a real clock on a slow machine, a tag whose last
read is too old would be read once more before it is written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from release.app.images.copy import CopyRequest, copy
from release.app.lifecycle.promote import PromoteRequest, promote
from release.app.machine import Machine, SystemClock
from release.app.releases.request import RunRequest
from release.app.releases.run import preview, run
from release.app.session import Session
from release.app.settings import Settings
from tests.support.registries.registry import Access, RegistryServer
from tests.support.releases.project import Project


class Budget(NamedTuple):
    """`most` requests of one kind, and what they are for."""

    most: int
    why: str


PING = Budget(1, "finds out whether the host speaks TLS; its answer names the authentication")
LIST = Budget(1, "the released versions, while git is read")
# A release has five tags: 1.4.2, sha-…, 1.4, 1 and latest.
KNOWN = {
    "ping": PING,
    "list": LIST,
    "HEAD tag": Budget(4, "what each tag holds, in one round with the list above and the manifest below"),
    "GET tag": Budget(1, "the manifest of the version tag"),
    "GET blob": Budget(1, "the labels in its config"),
    "HEAD blob": Budget(
        1, "whether the repository lost the layer, in one round with the config, which is there"
    ),
}
RELEASE = {
    "ping": PING,
    "list": Budget(7, "once while git is read; before and after each of three moves"),
    "HEAD tag": Budget(
        17,
        "four in preflight; right before each of five puts; each of five read back; three before they are recorded",
    ),
    "GET tag": Budget(1, "whether the version tag is free"),
    "POST upload": Budget(3, "permission to push is asked before the build; two blobs"),
    "DELETE upload": Budget(1, "ends the question for permission"),
    "HEAD blob": Budget(2, "whether the repository has the blob"),
    "PUT upload": Budget(2, "the blobs"),
    "HEAD digest": Budget(2, "whether the image is there; read back"),
    "PUT digest": Budget(1, "the manifest"),
    "PUT tag": Budget(5, "the tags"),
}
PROMOTE = {
    "ping": PING,
    "list": Budget(7, "once in preflight; before and after each of three moves"),
    "HEAD tag": Budget(
        18,
        "four in preflight; right before each of four puts; each of four read back; three before they are recorded;"
        " three tags of cosign",
    ),
    "GET tag": Budget(
        3,
        "the image and the statuses of versions, in the source; the list of its referrers, where the API is lacking",
    ),
    "GET digest": Budget(1, "the referrers, asked of the API"),
    "GET blob": Budget(2, "its labels, in the source; once in the destination"),
    "POST upload": Budget(3, "permission to push; two blobs are mounted"),
    "DELETE upload": Budget(1, "ends the question for permission"),
    "HEAD blob": Budget(2, "whether the destination has the blob"),
    "HEAD digest": Budget(2, "whether the image is there; read back"),
    "PUT digest": Budget(1, "the manifest"),
    "PUT tag": Budget(4, "the tags; there is no sha- tag in another repository"),
}
COPY = {
    "ping": PING,
    "GET tag": Budget(1, "the image, in the source"),
    "HEAD tag": Budget(2, "whether the tag may be put; again after the upload"),
    "HEAD digest": Budget(2, "whether the image is there; read back"),
    "HEAD blob": Budget(2, "whether the destination has the blob"),
    "POST upload": Budget(2, "the blobs are mounted"),
    "PUT digest": Budget(1, "the manifest"),
    "PUT tag": Budget(1, "the tag"),
}


class _Unhurried(SystemClock):
    def monotonic(self) -> float:
        return time.monotonic() / 1000


class _Unhurriedly(Machine):
    clock = _Unhurried()


def _kind(request: Access) -> str:
    path = request.path.partition("?")[0]
    if path == "/v2/":
        return "ping"
    if path.endswith("/tags/list"):
        return "list"
    if "/blobs/uploads/" in path:
        return f"{request.method} upload"
    what = "blob" if "/blobs/" in path else "digest" if "/sha256:" in path else "tag"
    return f"{request.method} {what}"


@pytest.fixture
def open_session(project: Project, tmp_path: Path) -> Callable[[], Session]:
    env = {**project.repo.env, "SHIPMARK_CACHE_DIR": str(tmp_path / "cache")}
    return lambda: Session(Settings(directory=str(project.repo.path), env=env), ports=_Unhurriedly())


def test_commands_keep_to_their_budgets_of_requests(
    project: Project, registry_server: RegistryServer, open_session: Callable[[], Session]
) -> None:
    image = project.image
    commands: list[tuple[str, Callable[[Session], object], dict[str, Budget]]] = [
        ("release", lambda session: run(session, RunRequest()), RELEASE),
        ("run with nothing to do", lambda session: run(session, RunRequest()), KNOWN),
        ("preview", lambda session: preview(session, RunRequest()), KNOWN),
        (
            "promote",
            lambda session: promote(
                session, PromoteRequest(source=f"{image}:1.4.2", to=(f"{registry_server.host}/acme/prod",))
            ),
            PROMOTE,
        ),
        (
            "copy",
            lambda session: copy(
                session, CopyRequest(source=f"{image}:1.4.2", destination=f"{image}-copy:1.4.2")
            ),
            COPY,
        ),
    ]
    for name, command, budget in commands:
        before = len(registry_server.access_log())
        command(open_session())
        sent = Counter(_kind(request) for request in registry_server.access_log()[before:])
        over = {
            kind: count for kind, count in sent.items() if kind not in budget or count > budget[kind].most
        }
        assert not over, (name, sent)
        assert sum(sent.values()) == sum(one.most for one in budget.values()), (name, sent)
    assert project.tags["1.4.2"] == project.tags["latest"]
    assert set(registry_server.tags("acme/prod")) == {"1.4.2", "1.4", "1", "latest"}
