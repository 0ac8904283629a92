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
from release.hints import nearest
from release.lazy_pattern import pattern
from release.oci import OCI_CONFIG, OCI_MANIFEST, Descriptor, Manifest
from release.oci.platforms import ARCHITECTURES, SYSTEMS, normal

_ENCODER = msgspec.json.Encoder(order="sorted")
_PLATFORM = pattern(r"[a-z0-9_]+/[a-z0-9_]+(/[a-z0-9_.]+)?")
# Architectures whose variants are numbers, and an example of each. Other variants have names, such as `power9`.
_NUMBERED = {"amd64": "v2", "arm": "v7", "arm64": "v9"}
_EXAMPLES = "write `linux/amd64`, `linux/arm64` or `linux/arm/v7`"
_VARIANT = pattern(r"v[1-9](\.[0-9])?")


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """An operating system and a processor architecture, with its variant; equal platforms are equal once parsed."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def fields(self) -> dict[str, str]:
        """The platform's members in an image config or descriptor."""
        fields = {"os": self.os, "architecture": self.architecture}
        return {**fields, "variant": self.variant} if self.variant else fields


def parse_platform(text: str) -> Platform:
    """Parse a platform as containerd does: `linux/arm64/v8` and `aarch64` become `linux/arm64`. Raises `BuildError`."""
    found = normal(text)
    # Compared by parts: `normal` drops the empty ones of `linux/amd64/`.
    if not _PLATFORM.fullmatch(found) or not all(text.split("/")):
        several = "write each by itself: `[linux/amd64, linux/arm64]`, or `--platform` several times"
        raise _not_a_platform(text, several if "," in text else _EXAMPLES)
    system, architecture, *variant = found.split("/")
    return Platform(os=system, architecture=architecture, variant=variant[0] if variant else "")


def wanted_platform(text: str) -> Platform:
    """As `parse_platform`, for a platform that an image is to be built for: its names must be known to Go.

    Builders take any name, so that a slip (`linux/amd65`) would become an image that runs nowhere.
    """
    found = parse_platform(text)
    for what, name, known in (
        ("operating system", found.os, SYSTEMS),
        ("architecture", found.architecture, ARCHITECTURES),
    ):
        if name not in known:
            near = nearest(name, sorted(known), cutoff=0.5)
            hint = f"did you mean `{str(found).replace(name, near, 1)}`?" if near else _EXAMPLES
            raise _not_a_platform(text, hint, f": no {what} is called `{name}`")
    if found.architecture in _NUMBERED and found.variant and not _VARIANT.fullmatch(found.variant):
        raise _not_a_platform(
            text, f"a variant of `{found.architecture}` is written `{_NUMBERED[found.architecture]}`"
        )
    return found


def _not_a_platform(text: str, hint: str, why: str = "") -> BuildError:
    return BuildError(f"`{text}` is not a platform{why}", hint=hint)


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
