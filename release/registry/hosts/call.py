"""One request to a registry host, and what all hosts of a run share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import msgspec

from release.control import Cancel, Deadline
from release.events import Sink
from release.ports import Clock
from release.registry.auth.credential import Finder
from release.registry.http.bodies import Growing, Upload
from release.registry.http.client import Transport
from release.registry.http.retry import RetryPolicy
from release.registry.http.tls import Trust
from release.secrets.known import Secrets


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of sizes. `pages`: pages of one list, since a hostile registry may return an endless list."""

    chunk: int = 16 * 1024 * 1024  # bytes of a PATCH, where a registry does not take a blob in one request
    pages: int = 10_000


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Objects that all hosts of a run share. `jitter`: returns a number from 0 to 1."""

    transport: Transport
    trust: Trust
    credentials: Finder
    secrets: Secrets
    clock: Clock
    sink: Sink
    cancel: Cancel
    deadline: Deadline
    policy: RetryPolicy = RetryPolicy()
    sizes: Sizes = Sizes()
    jitter: Callable[[], float] = random.random


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path`: below the host, or a whole URL that the host returned.

    `scopes`: for a bearer token. `what`: the purpose, for messages. `subject`: the repository whose credential is used.
    """

    method: str
    path: str
    what: str
    subject: str
    scopes: tuple[str, ...]
    headers: Mapping[str, str] = {}
    body: bytes | Upload | Growing | None = None
