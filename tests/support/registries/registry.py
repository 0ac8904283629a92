"""A real docker-registry on a loopback port, one per test.

`SHIPMARK_TEST_REGISTRY` names another registry program with which all tests must pass too, such as distribution 3
(`go install github.com/distribution/distribution/v3/cmd/registry@latest`), which takes the configuration of 2.8.

The server chooses its port (`127.0.0.1:0`) and logs it, so that no other process can take the port before the server
does; `stop` and `start` keep the port.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from tests.support.programs.environment import scrubbed
from tests.support.programs.processes import Service
from tests.support.registries.tls import Authority
from tests.support.registries.tokens import TokenServer
from tests.support.services.required import program, require

USERNAME = "robot"
PASSWORD = "not-a-secret"
_AGREE = 5.0  # seconds that a list of tags and their manifests may disagree, while somebody writes
# bcrypt (cost 4, the cheapest) of PASSWORD. A constant, so that no test needs a bcrypt implementation.
_HTPASSWD = f"{USERNAME}:$2b$04$n1.ix27NRwydZ.Z7.BY28.gHRpu7lECi7B0DEFUvD52fOEqQJemfe\n"

_LISTENING = re.compile(rb"listening on (127\.0\.0\.1:\d+)")
_REPOSITORY = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags)/")
_ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d{3}) ')


def registry_program() -> str:
    """Return the registry's program: docker-registry, or the one that `SHIPMARK_TEST_REGISTRY` names."""
    return program(os.environ.get("SHIPMARK_TEST_REGISTRY") or "docker-registry")


class Access(NamedTuple):
    """One request as the registry logged it; `path` with its query."""

    method: str
    path: str
    status: int


class RegistryServer:
    """A running docker-registry. `host` is `127.0.0.1:PORT`, `root` the folder of its storage.

    `username`/`password`: set with `auth="basic"` and `auth="token"`. `ca`: with `tls`, the PEM file of the authority
    that signed the registry's certificate; without `authority`, a new one is made. `tokens`: with `auth="token"`, the
    token server, which speaks TLS if the registry does. `foreign`: take manifests whose layers have `urls`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        auth: Literal["basic", "token"] | None = None,
        tls: bool = False,
        delete: bool = True,
        storage: Path | None = None,
        authority: Authority | None = None,
        foreign: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root = storage or folder / "storage"
        self.username = USERNAME if auth else None
        self.password = PASSWORD if auth else None
        self.tokens: TokenServer | None = None
        self.host = "127.0.0.1:0"
        self._authority = authority or (Authority(folder) if tls or auth == "token" else None)
        self.ca = self._authority.path if self._authority and tls else None
        self._auth, self._delete, self._foreign = auth, delete, foreign
        self._service: Service | None = None
        if auth == "token":
            assert self._authority is not None
            self.tokens = TokenServer(self._authority, users={USERNAME: PASSWORD}, tls=tls)
        self.start()

    @property
    def url(self) -> str:
        """Return the registry's URL, `http://127.0.0.1:PORT` or https."""
        return f"{'https' if self.ca else 'http'}://{self.host}"

    @property
    def port(self) -> int:
        """Return the registry's port."""
        return int(self.host.rpartition(":")[2])

    def start(self) -> None:
        """Start the registry; after `stop`, on its former port and storage."""
        if self._service is not None:
            return
        config = self.folder / "config.json"  # JSON is YAML
        config.write_text(json.dumps(self._config()))
        self._service = Service(
            [registry_program(), "serve", str(config)],
            folder=self.folder,
            name="registry",
            # REGISTRY_* variables of the machine would override the configuration file.
            env={**scrubbed(self.folder), "OTEL_TRACES_EXPORTER": "none"},
            ready=self._take_address,
        )

    def stop(self) -> None:
        """Stop the registry and keep its storage."""
        if self._service is not None:
            self._service.kill()  # its SIGTERM drains connections that clients keep open
            self._service = None

    def close(self) -> None:
        """Stop the registry and its token server, and remove the storage."""
        self.stop()
        if self.tokens is not None:
            self.tokens.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def access_log(self) -> list[Access]:
        """Return every request since the first start, oldest first, without those of this class itself (`?harness=`).

        Requests that tests send with `request` are among them.
        """
        self._settle()
        return [entry for entry in self._entries() if "?harness=" not in entry.path]

    def requests(self, *methods: str) -> list[Access]:
        """Return the requests with one of `methods`; without any, all of them."""
        return [entry for entry in self.access_log() if not methods or entry.method in methods]

    def request(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request without shipmark, with the registry's credential; return status, headers and body.

        Header names are lower case. The request appears in `access_log`, unless its path has `?harness=`.
        """
        given = {**self._authorization(path), **(headers or {})}
        with contextlib.closing(self._connection()) as connection:
            connection.request(method, path, body=body or None, headers=given)
            with connection.getresponse() as answer:
                names = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, names, answer.read()

    def manifest(self, repository: str, reference: str) -> tuple[str, bytes]:
        """Return digest and bytes of a manifest or index as the registry serves it. Raises `LookupError`."""
        accept = ", ".join(
            [
                "application/vnd.oci.image.index.v1+json",
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.docker.distribution.manifest.list.v2+json",
                "application/vnd.docker.distribution.manifest.v2+json",
            ]
        )
        status, headers, body = self.request(
            "GET", f"/v2/{repository}/manifests/{reference}?harness=1", headers={"Accept": accept}
        )
        if status != 200:
            raise LookupError(f"{repository}:{reference}: {status} {body.decode(errors='replace')}")
        return headers["docker-content-digest"], body

    def tags(self, repository: str) -> dict[str, str]:
        """Return tag -> digest of a repository; empty for a repository that does not exist.

        The registry lists a tag a moment before it can serve the tag's manifest. So a repository that another process
        writes to is read again until list and manifests agree; raises `LookupError` if they never do.
        """
        end = time.monotonic() + _AGREE
        while True:
            status, _, body = self.request("GET", f"/v2/{repository}/tags/list?harness=1")
            names = (json.loads(body)["tags"] or []) if status == 200 else []
            try:
                return {name: self.manifest(repository, name)[0] for name in sorted(names)}
            except LookupError:
                if time.monotonic() > end:
                    raise

    def add_tags(self, repository: str, digest: str, names: Iterable[str]) -> None:
        """Write tags of a stored manifest straight into the storage, so that a thousand tags need no requests."""
        algorithm, _, value = digest.partition(":")
        tags = self.root / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        for name in names:
            for link in (tags / name / "current", tags / name / "index" / algorithm / value):
                link.mkdir(parents=True, exist_ok=True)
                (link / "link").write_text(digest)

    def _authorization(self, path: str) -> dict[str, str]:
        if self._auth == "basic":
            pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        named = _REPOSITORY.match(path)
        if self.tokens is None or named is None:
            return {}
        scope = f"repository:{named[1]}:pull,push,delete"
        return {"Authorization": f"Bearer {self.tokens.token(USERNAME, (scope,))}"}

    def _take_address(self, line: bytes) -> bool:
        found = _LISTENING.search(line)
        if found:
            self.host = found[1].decode()
        return found is not None

    def _entries(self) -> list[Access]:
        assert self._service is not None or (self.folder / "registry.out").exists()
        lines = (self.folder / "registry.out").read_text(errors="replace").splitlines()
        found = (_ACCESS.search(line) for line in lines)
        return [Access(hit["method"], hit["path"], int(hit["status"])) for hit in found if hit]

    def _settle(self) -> None:
        # A long answer reaches its client before its line is in the log. A request of our own, seen in the
        # log, gives the earlier ones time to arrive.
        if self._service is None:
            return
        mark = f"/v2/?harness={secrets.token_hex(8)}"
        self.request("GET", mark)
        pause = threading.Event()
        for _ in range(1000):
            if any(entry.path == mark for entry in self._entries()):
                return
            pause.wait(0.01)
        raise AssertionError("the registry's access log does not grow")

    def _connection(self) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        context = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.root)},
                "delete": {"enabled": self._delete},
                # Its timer starts at a random minute; a test wants no work that it did not ask for.
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": self.host, "secret": "one secret for all restarts", **self._tls()},
        }
        if self._foreign:
            config["validation"] = {"manifests": {"urls": {"allow": [".*"]}}}
        if self._auth == "basic":
            htpasswd = self.folder / "htpasswd"
            htpasswd.write_text(_HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(htpasswd)}}
        if self.tokens is not None:
            config["auth"] = {"token": self.tokens.registry_config()}
        return config

    def _tls(self) -> dict[str, Any]:
        if self.ca is None or self._authority is None:
            return {}
        certificate, key = self._authority.issue("127.0.0.1")
        return {"tls": {"certificate": str(certificate), "key": str(key)}}


RegistryFactory = Callable[..., RegistryServer]


@pytest.fixture
def registry_factory(tmp_path: Path) -> Iterator[RegistryFactory]:
    """Give a function that starts registries: `registry_factory(auth="basic", tls=True, delete=False)`."""
    require("docker-registry")
    servers: list[RegistryServer] = []

    def make(**options: Any) -> RegistryServer:
        server = RegistryServer(tmp_path / f"registry-{len(servers)}", **options)
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def registry_server(registry_factory: RegistryFactory) -> RegistryServer:
    """Give a fresh, empty, anonymous registry over plain http."""
    return registry_factory()
