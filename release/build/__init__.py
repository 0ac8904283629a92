"""Builders behind one Protocol. A build leaves its image in a local OCI layout, by digest, before a push."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to build. Paths are absolute; `dockerfile` may lie anywhere below `context`.

    `platforms`: `linux/amd64`, ... ; () means the builder's own. `created`: seconds since the epoch, the
    commit's time (SOURCE_DATE_EPOCH). `args` values are nowhere recorded. `compression`: a codec's name.
    """

    context: str
    dockerfile: str
    root: str  # the repository's root: context and Dockerfile must be inside it
    stage: str | None = None
    platforms: tuple[str, ...] = ()
    args: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    created: int = 0
    compression: str = "gzip"


class PlatformImage(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's manifest. `size`: bytes of the manifest."""

    platform: str
    digest: str
    size: int


class BuiltImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a build left in the layout: its top manifest or index, and what it holds per platform."""

    digest: str
    media_type: str
    size: int
    platforms: tuple[PlatformImage, ...] = ()
    tools: Mapping[str, str] = {}  # {"docker": "28.2.2"}
    builder: str = ""  # which one `auto` took


class Builder(Protocol):
    """One way to make an image."""

    @property
    def name(self) -> str:
        """`docker`, `layers`, ..."""

    def unavailable(self, request: BuildRequest) -> str | None:
        """Why this builder cannot make this image, in one line; None when it can. Only reads, within seconds."""

    def build(self, request: BuildRequest, store: str) -> BuiltImage:
        """Build into the OCI layout folder `store` (made if missing). Raises from the `BuildError` branch."""
