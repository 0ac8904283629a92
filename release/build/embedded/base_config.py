"""Reads the config of a base image: what an image that is built on it inherits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.build.dockerfile.instructions import Dockerfile, Instruction, OnBuild
from release.build.dockerfile.parser import parse
from release.build.dockerfile.white_space import first_word
from release.build.embedded.obstacles import require_trigger
from release.decoding import convert
from release.errors import BuildError
from release.limits import DOCKERFILE_INSTRUCTIONS
from release.oci import OCI_LAYER, Descriptor
from release.oci.image_json import History, ImageConfig, Platform, parse_platform

#: Media type of a layer -> suffix of its OCI type, which names the compression. The bytes are the same.
_SUFFIXES = {
    OCI_LAYER: "",
    f"{OCI_LAYER}+gzip": "+gzip",
    f"{OCI_LAYER}+zstd": "+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": "",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "+zstd",
}


class BaseLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer of a base.

    `descriptor`: describes the unchanged blob, with an OCI media type; `suffix`: the media type's suffix for the
    compression.
    """

    diff_id: str
    descriptor: Descriptor
    suffix: str


class _Container(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The member `config` of an image config. A member that is null counts as absent."""

    user: str | None = None
    working_dir: str | None = None
    env: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    stop_signal: str | None = None
    healthcheck: dict[str, Any] | None = None
    on_build: tuple[str, ...] | None = None


class _RootFiles(msgspec.Struct, frozen=True, kw_only=True):
    diff_ids: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    os: str
    architecture: str
    variant: str = ""
    config: _Container | None = None
    rootfs: _RootFiles = _RootFiles()
    history: tuple[dict[str, Any], ...] | None = None


class BaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings and the history that an image takes over from its base.

    `history`: as many steps that add a layer as the base has layers.
    """

    platform: Platform
    config: ImageConfig
    diff_ids: tuple[str, ...]
    history: tuple[History, ...]


def read_base_config(document: Mapping[str, Any], name: str) -> BaseConfig:
    """The config of the base `name`. Raises `BuildError` for one that does not have the form of an image config."""
    try:
        read = convert(document, _Document)
        platform = parse_platform(
            "/".join(part for part in (read.os, read.architecture, read.variant) if part)
        )
        if not read.variant:
            # Of an image for `linux/arm/v6`, too, many tools wrote a config that says `arm` only.
            platform = msgspec.structs.replace(platform, variant="")
    except (msgspec.ValidationError, BuildError) as error:
        raise BuildError(
            f"the config of the base `{name}` cannot be read: {error}", hint="choose another base image"
        ) from error
    container = read.config or _Container()
    # These become parts of paths. The kernel takes no NUL in a path, and a tar's header ends the name there.
    if any("\0" in text for text in (container.working_dir or "", *(container.env or ()))):
        raise BuildError(
            f"the config of the base `{name}` has a NUL character in `WorkingDir` or `Env`",
            hint="choose another base image",
        )
    diff_ids = read.rootfs.diff_ids
    return BaseConfig(
        platform=platform,
        config=inherited(container),
        diff_ids=diff_ids,
        history=_history(read.history or (), len(diff_ids)),
    )


def inherited(container: _Container) -> ImageConfig:
    """The settings of the base that an image takes over."""
    env = {key: value for key, _, value in (text.partition("=") for text in container.env or ()) if key}
    return ImageConfig(
        user=container.user or "",
        working_dir=container.working_dir or "",
        env=env,
        labels=container.labels or {},
        ports=tuple(container.exposed_ports or ()),
        volumes=tuple(container.volumes or ()),
        entrypoint=container.entrypoint,
        command=container.cmd,
        shell=container.shell,
        stop_signal=container.stop_signal or "",
        healthcheck=container.healthcheck,
        on_build=container.on_build or (),
    )


def base_layers(
    layers: tuple[Descriptor, ...], diff_ids: tuple[str, ...], name: str
) -> tuple[BaseLayer, ...]:
    """The layers with their diff ids. Raises `BuildError` for layers that cannot be taken over as they are."""
    if len(layers) != len(diff_ids):
        raise BuildError(
            f"the base `{name}` has {len(layers)} layers, but its config names {len(diff_ids)}",
            hint="choose another base image",
        )
    found = []
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        suffix = _SUFFIXES.get(layer.media_type)
        if suffix is None:
            raise BuildError(
                f"the base `{name}` has a layer of type `{layer.media_type}`, which cannot be taken over",
                hint="choose another base image",
            )
        descriptor = Descriptor(media_type=OCI_LAYER + suffix, digest=layer.digest, size=layer.size)
        found.append(BaseLayer(diff_id=diff_id, descriptor=descriptor, suffix=suffix))
    return tuple(found)


def _history(steps: tuple[dict[str, Any], ...], layers: int) -> tuple[History, ...]:
    """The base's history, with a step for each layer that it leaves out; a history of too many layers is dropped."""
    found = [
        History(
            created_by=str(step.get("created_by", "")), empty=step.get("empty_layer") is True, raw=dict(step)
        )
        for step in steps
    ]
    missing = layers - sum(not step.empty for step in found)
    if missing < 0:
        found, missing = [], layers  # a history that contradicts the layers is not used
    untold = History(created_by="", empty=False, raw={"comment": "a layer of the base without a history"})
    return (*found, *(untold,) * missing)


def trigger_text(instruction: OnBuild) -> str:
    """What the config says of an `ONBUILD`: the trigger, with its here-documents, which later builds need."""
    _, text = first_word(instruction.text)
    heredocs = getattr(instruction.trigger, "heredocs", ())
    return "\n".join((text, *(heredoc.body + heredoc.name for heredoc in heredocs)))


def read_triggers(triggers: tuple[str, ...], dockerfile: Dockerfile, line: int) -> tuple[Instruction, ...]:
    """The instructions of a base's `ONBUILD`.

    `line`: the line of the `FROM` that names the base. Raises `BuildError`.
    """
    where = f"{dockerfile.name}:{line}"
    if len(triggers) > DOCKERFILE_INSTRUCTIONS:
        raise BuildError(
            f"{where}: the base has more than {DOCKERFILE_INSTRUCTIONS} instructions in its `ONBUILD`",
            hint="choose another base image",
        )
    found: list[Instruction] = []
    for text in triggers:
        try:
            (instruction,) = parse(f"FROM scratch\n{text}\n", "ONBUILD").stages[0].instructions
        except (BuildError, ValueError) as error:
            raise BuildError(
                f"{where}: `ONBUILD {text}` of the base cannot be read: {error}",
                hint="choose another base image",
            ) from error
        require_trigger(instruction, f"{where}: `ONBUILD {text}` of the base")
        found.append(msgspec.structs.replace(instruction, line=line, end_line=line))
    return tuple(found)
