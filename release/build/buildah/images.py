"""Adds Docker Hub to names of images in a Dockerfile that have no registry. Pure.

buildah looks for a name without a registry in the registries of the machine's `registries.conf`, which need not have
Docker Hub. A named context replaces each such name, so that the name means the same image with every builder.
"""

from __future__ import annotations

import re

from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.scope import Scope
from release.build.dockerfile.stage_graph import base_of, is_place, mounted_from, source_of
from release.build.dockerfile.stage_references import SCRATCH

_HUB = "docker.io"


def hub_images(dockerfile: Dockerfile, scope: Scope) -> dict[str, str]:
    """Map each image name without a registry, as written and with variables replaced, to its named context.

    `scope`: of the `FROM` lines, for one platform.
    """
    found: dict[str, str] = {}
    for stage in dockerfile.stages:
        base = base_of(dockerfile, stage, scope)
        if isinstance(base, str):
            _add(found, base, stage.base.image)
        for instruction in stage.instructions:
            sources = [
                source_of(dockerfile, stage, instruction),
                *mounted_from(dockerfile, stage, instruction),
            ]
            for source in sources:
                if isinstance(source, str):
                    _add(found, source)
    return found


def full_name(image: str) -> str | None:
    """The image's name with Docker Hub in front; None for a name that has a registry."""
    first, slash, _ = image.partition("/")
    if slash and (re.search(r"[.:]", first) or first == "localhost"):
        return None
    return f"{_HUB}/{image}" if slash else f"{_HUB}/library/{image}"


def _add(found: dict[str, str], image: str, *written: str) -> None:
    full = full_name(image)
    if full is None or image == SCRATCH or is_place(image):
        return
    for name in (image, *written):
        if "=" not in name:  # the option `NAME=VALUE` ends a name at `=`
            found[name] = f"docker-image://{full}"
