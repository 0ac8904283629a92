"""A login for registries of a test, and the requests that carried a credential."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.registries.hostile import HostileServer, Reply, Request

SECRET = "s3cr3t-p@ss/word"
USER = "robot"
BASIC = Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})


def login_for(tmp_path: Path, *hosts: str) -> dict[str, str]:
    auth = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
    return {"DOCKER_CONFIG": str(tmp_path)}


def asks_for_basic(inner: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Wrap `inner` so that requests without a password get a 401."""
    return lambda request: inner(request) if "authorization" in request.headers else BASIC


def leaks(*servers: HostileServer) -> list[Request]:
    return [
        request for server in servers for request in server.requests if "authorization" in request.headers
    ]


def asks_for_bearer(realm: str) -> Callable[[Request], Reply]:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x",scope="repository:app:pull"'}
    return lambda request: Reply(401, challenge)
