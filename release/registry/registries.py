"""Opens targets (repositories in registries, OCI layout folders), each once, with shared connections."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Self

from release.control import Cancel, Deadline
from release.events import Note, Sink
from release.layout.layout import Layout
from release.oci import Descriptor, Repository
from release.oci.reference import Reference, layout_path, parse_repository
from release.ports import Clock, Process
from release.registry.http.retry import RetryPolicy
from release.secrets.known import Secrets

if TYPE_CHECKING:
    from release.registry.auth.credential import Finder
    from release.registry.hosts.call import Ports, Sizes
    from release.registry.hosts.host import Host
    from release.registry.http.address_policy import Reach
    from release.registry.http.watchdog import Limits
    from release.registry.rights import Rights


class RegistryPool:
    """Opens repositories over HTTP and in OCI layout folders. Thread-safe; close it, or use it as a context manager.

    `read`: returns a file's bytes, or None for a missing file. `insecure`: hosts whose certificate is not verified and
    that may speak plain http. `ca`: a PEM file with authorities besides the system's. `root`: the workspace: relative
    layout folders lie below it, and are written without following symlinks. `anonymous`: use no credentials.
    `registries`: hosts of the configuration; each opened host is added to them. A credential variable in the spelling
    of 0.1.0 that two of these hosts could claim is a `ConfigError` when the credential is looked up.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        read: Callable[[str], bytes | None],
        process: Process,
        clock: Clock,
        sink: Sink,
        cancel: Cancel,
        deadline: Deadline,
        insecure: frozenset[str] = frozenset(),
        ca: str | None = None,
        policy: RetryPolicy | None = None,
        limits: Limits | None = None,
        sizes: Sizes | None = None,
        root: str | None = None,
        secrets: Secrets | None = None,
        anonymous: bool = False,
        registries: frozenset[str] = frozenset(),
    ) -> None:
        self._env = env
        self._read = read
        self._process = process
        self._clock = clock
        self._sink = sink
        self._cancel = cancel
        self._deadline = deadline
        self._insecure = insecure
        self._ca = ca
        self._policy = policy or RetryPolicy()
        self._limits = limits
        self._sizes = sizes
        self._root = root
        self._secrets = secrets or Secrets()
        self._anonymous = anonymous
        self._registries = registries
        # Guards the members below: threads that open one host at once must share one `Host`.
        # A `Host` holds the host's tokens and counts its concurrent requests.
        self._lock = threading.Lock()
        self._ports: Ports | None = None
        self._hosts: dict[str, Host] = {}
        self._open: dict[str, Repository] = {}

    def open(self, target: str) -> Repository:
        """Return the repository that `target` names, without connecting to it. Raises `ConfigError`."""
        with self._lock:
            if target not in self._open:
                self._open[target] = self._make(target)
            return self._open[target]

    def credentials(self) -> Finder:
        """The object that finds credentials, to report which one is used."""
        with self._lock:
            return self._world().credentials

    def rights(self, target: str) -> Rights:
        """The questions about the credential's rights in a repository of a registry. Raises `ConfigError`."""
        from release.registry.rights import Rights

        reference = parse_repository(target)
        with self._lock:
            self._registries |= {reference.registry}
            return Rights(self._host(reference), reference.repository)

    def repositories(self, within: Reference, wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """The paths of repositories that the registry of `within` lists and for which `wanted` holds, sorted.

        The credential for the path of `within` is used. Raises a `RegistryError` for a registry that does not list its
        repositories.
        """
        from release.registry.catalog import list_repositories

        with self._lock:
            self._registries |= {within.registry}
            host = self._host(within)
        return list_repositories(host, within.repository, wanted)

    def layer(self, layer: Descriptor, registry: str | None) -> IO[bytes]:
        """Open a layer at its `urls`, unchecked. Raises `RegistryError`.

        `registry`: the registry that has the image's manifest. None: the manifest was read from a file, and its layers
        may be only at addresses of the internet.
        """
        from release.registry.layer_urls import LayerUrls

        with self._lock:
            ports = self._world()
            host = self._hosts.get(registry or "")
        accept = _only_internet if host is None else host.origin.accept_foreign
        return LayerUrls(ports.transport, ports.trust, accept).open(layer)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            ports, self._ports = self._ports, None
            self._hosts.clear()
            self._open.clear()
        if ports is not None:
            ports.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make(self, target: str) -> Repository:
        if (path := layout_path(target)) is not None:
            return Layout(path, root=self._root, workspace=self._root)
        reference = parse_repository(target)
        self._registries |= {reference.registry}
        # Imported late: the registry's modules take longer than the rest of a small command.
        from release.registry.repository import RemoteRepository

        return RemoteRepository(reference, self._host(reference))

    def _host(self, reference: Reference) -> Host:
        from release.registry.hosts.host import Host

        if reference.registry not in self._hosts:
            self._hosts[reference.registry] = Host(reference.registry, reference.api_host, self._world())
        return self._hosts[reference.registry]

    def _world(self) -> Ports:
        if self._ports is None:
            self._ports = self._connect()
        return self._ports

    def _finder(self) -> Finder:
        from release.registry.auth.credential import Anonymous
        from release.registry.auth.keychain import Credentials

        if self._anonymous:
            return Anonymous()
        return Credentials(
            env=self._env,
            read=self._read,
            process=self._process,
            hosts=lambda: self._registries,
            notice=lambda text: self._sink.emit(Note(level="warning", text=text)),
            uid=os.getuid() if hasattr(os, "getuid") else None,
        )

    def _connect(self) -> Ports:
        from release.registry.hosts.call import Ports, Sizes
        from release.registry.http.client import Transport
        from release.registry.http.tls import Trust

        trust = Trust(env=self._env, insecure=self._insecure, ca=self._ca, as_client=not self._anonymous)
        transport = Transport(
            trust=trust,
            cancel=self._cancel,
            deadline=self._deadline,
            now=self._clock.monotonic,
            limits=self._limits,
        )
        return Ports(
            transport=transport,
            trust=trust,
            credentials=self._finder(),
            secrets=self._secrets,
            clock=self._clock,
            sink=self._sink,
            cancel=self._cancel,
            deadline=self._deadline,
            policy=self._policy,
            sizes=self._sizes or Sizes(),
        )


def _only_internet(reach: Reach) -> str | None:
    from release.registry.http.address_policy import Reach, may_lead_to

    allowed = may_lead_to(Reach.GLOBAL, reach)
    return None if allowed else f"a {reach.name.lower()} address, where an image in a file may not send us"
