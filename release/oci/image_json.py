"""Writes image configs and manifests as JSON with sorted keys, so that equal values give equal bytes.

Source: OCI image-spec v1.1, config and manifest; `Healthcheck` and `Shell` are Docker's additions.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.errors import BuildError
from release.lazy_pattern import pattern
from release.oci import OCI_CONFIG, OCI_MANIFEST, Descriptor, Manifest

_ENCODER = msgspec.json.Encoder(order="sorted")
_PLATFORM = pattern(r"[a-z0-9_]+/[a-z0-9_]+(/[a-z0-9_.]+)?")
# Docker's classic builder and BuildKit treat these platforms as equal: `v8` is the default variant of arm64.
_VARIANTS = {"linux/arm64/v8": "linux/arm64"}


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """An operating system and a processor architecture, with its variant."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def accepts(self, other: Platform) -> bool:
        """Whether an image for `other` fits this platform. A platform without a variant accepts all variants."""
        same = (self.os, self.architecture) == (other.os, other.architecture)
        return same and self.variant in ("", other.variant)

    def fields(self) -> dict[str, str]:
        """The platform's members in an image config or descriptor."""
        fields = {"os": self.os, "architecture": self.architecture}
        return {**fields, "variant": self.variant} if self.variant else fields


def parse_platform(text: str) -> Platform:
    """Parse a platform such as `linux/arm/v7`; `linux/arm64/v8` becomes `linux/arm64`. Raises `BuildError`."""
    normal = _VARIANTS.get(text, text)
    if not _PLATFORM.fullmatch(normal):
        raise BuildError(
            f"`{text}` is not a platform", hint="write `linux/amd64`, `linux/arm64` or `linux/arm/v7`"
        )
    system, architecture, *variant = normal.split("/")
    return Platform(os=system, architecture=architecture, variant=variant[0] if variant else "")


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of an image for its containers. `entrypoint`, `command`: None if not set.

    `healthcheck`: the object in Docker's format, times in nanoseconds.
    """

    user: str = ""
    working_dir: str = ""
    env: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    stop_signal: str = ""
    healthcheck: Mapping[str, Any] | None = None
    on_build: tuple[str, ...] = ()


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the image's history. `empty`: the step added no layer. `raw`: a step of the base, unchanged."""

    created_by: str
    empty: bool
    raw: Mapping[str, Any] | None = None


def encode(value: Any) -> bytes:
    """A JSON value as bytes; equal values give equal bytes."""
    return _ENCODER.encode(value)


def digest(raw: bytes) -> str:
    """The SHA-256 digest of `raw`: `sha256:HEX`."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def timestamp(seconds: int) -> str:
    """A time in RFC 3339 format, in UTC, as `created` of a config needs it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def config_document(
    config: ImageConfig,
    platform: Platform,
    *,
    diff_ids: Sequence[str],
    history: Sequence[History],
    created: int,
) -> bytes:
    """Encode an image config.

    `diff_ids`: base first; `history`: one non-empty step per layer. `created`: epoch seconds.
    """
    when = timestamp(created)
    steps = [dict(step.raw) if step.raw is not None else _step(step, when) for step in history]
    return encode(
        {
            **platform.fields(),
            "created": when,
            "config": _container(config),
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": steps,
        }
    )


def _step(step: History, when: str) -> dict[str, Any]:
    empty = {"empty_layer": True} if step.empty else {}
    return {"created": when, "created_by": step.created_by, **empty}


def _container(config: ImageConfig) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "User": config.user,
        "WorkingDir": config.working_dir,
        "Env": [f"{key}={value}" for key, value in config.env.items()],
        "Labels": dict(config.labels),
        "ExposedPorts": {port: {} for port in config.ports},
        "Volumes": {path: {} for path in config.volumes},
        "StopSignal": config.stop_signal,
        "Healthcheck": config.healthcheck,
        "OnBuild": list(config.on_build),
    }
    kept = {key: value for key, value in fields.items() if value}
    commands = {"Entrypoint": config.entrypoint, "Cmd": config.command, "Shell": config.shell}
    return {**kept, **{key: list(words) for key, words in commands.items() if words is not None}}


def image_manifest(
    config: bytes, layers: Sequence[Descriptor], annotations: Mapping[str, str]
) -> tuple[Descriptor, Manifest]:
    """The descriptor of `config`, and the manifest with this config and `layers` (base first)."""
    described = Descriptor(media_type=OCI_CONFIG, digest=digest(config), size=len(config))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described,
        "layers": list(layers),
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    return described, _manifest(document, OCI_MANIFEST)


def _manifest(document: dict[str, Any], media_type: str) -> Manifest:
    raw = encode(document)
    return Manifest(media_type=media_type, digest=digest(raw), raw=raw)
