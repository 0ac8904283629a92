"""Reads the named contexts of a build for the builder `layers`."""

from __future__ import annotations

from collections.abc import Callable

from release.build import BuildTask
from release.build.context import open_named, walk
from release.build.context.named import named_contexts
from release.build.dockerfile.instructions import Dockerfile
from release.build.embedded.named_sources import NamedSources, familiar
from release.errors import BuildError

_IMAGE = "docker-image://"


def read_named_sources(task: BuildTask, dockerfile: Dockerfile, check: Callable[[], None]) -> NamedSources:
    """List the files of the named contexts of `task`.

    Raises `BuildError` for a folder that cannot be read, for an address that is not an image, and for the name of a
    stage.
    """
    named = named_contexts(task.spec)
    for name in task.spec.contexts:
        if dockerfile.stage(name) is not None:
            # BuildKit takes the context instead of the stage, which then need not be a stage that can be built.
            raise BuildError(
                f"`build: {{contexts: …}}`: `{name}` is a stage of `{dockerfile.name}`, "
                "and the builder `layers` does not replace stages",
                hint="rename the context, or use `builder: buildkit`",
            )
    folders = {
        familiar(name): walk(open_named(task, name, path), check=check)
        for name, path in named.folders.items()
    }
    return NamedSources(
        folders=folders,
        images={familiar(name): _image(name, text) for name, text in named.addresses.items()},
    )


def _image(name: str, address: str) -> str:
    if not address.startswith(_IMAGE):
        raise BuildError(
            f"`build: {{contexts: …}}`: `{name}` is the address `{address}`, which the builder `layers` does not read",
            hint="name a folder or `docker-image://NAME`, or use `builder: buildkit`",
        )
    return address.removeprefix(_IMAGE)
