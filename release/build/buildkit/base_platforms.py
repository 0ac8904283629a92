"""Checks that base images exist for the platforms of a build, where BuildKit is too old to tell.

A frontend before `docker/dockerfile:1.8` takes a base image for another platform without a word, and writes the wanted
platform into the image.
"""

from __future__ import annotations

from collections.abc import Iterator

from release.build.dockerfile.scope import global_scope
from release.build.dockerfile.stage_graph import base_of, needed_stages
from release.build.embedded.bases import Bases, LacksPlatform
from release.build.embedded.named_sources import familiar
from release.build.task_input import TaskInput
from release.errors import BuildError
from release.events import Note, Sink
from release.oci.image_json import Platform

#: What makes BuildKit tell, whatever the version of the daemon.
NEWEST = "write `# syntax=docker/dockerfile:1` in the first line of the Dockerfile"


def require_bases(read: TaskInput, shown: str, bases: Bases | None, sink: Sink) -> None:
    """Raise `BuildError` for a base image that does not exist for a platform of the task; warn of one that is unknown.

    `shown`: the frontend, for messages. `bases`: reads base images in registries.
    """
    for platform in read.platforms:
        for line, name in _bases(read, platform):
            where = f"{read.context.dockerfile.name}:{line}"
            if bases is None or not _is_for(bases, name, platform, where):
                text = f"{where}: {shown} does not tell whether `{name}` is for `{platform}`"
                sink.emit(Note(level="warning", text=text, hint=NEWEST))


def _is_for(bases: Bases, name: str, platform: Platform, where: str) -> bool:
    """Whether the image is for the platform; False if it cannot be read. Raises `BuildError` if it is for others."""
    try:
        bases.find(name, platform)
    except LacksPlatform as error:
        raise BuildError(f"{where}: {error.message}", hint=error.hint) from error
    except BuildError:  # perhaps an image of the daemon, or of a registry that only BuildKit reaches
        return False
    return True


def _bases(read: TaskInput, platform: Platform) -> Iterator[tuple[int, str]]:
    """The line and the name of each base image. One with `FROM --platform` is for the platform that is named there."""
    dockerfile = read.context.dockerfile
    scope = global_scope(dockerfile, read.given, platform)
    for stage in needed_stages(dockerfile, read.task.spec.target, scope):
        base = base_of(dockerfile, stage, scope)
        is_named = isinstance(base, str) and familiar(base) in read.task.spec.contexts
        if isinstance(base, str) and stage.base.flag("platform") is None and not is_named:
            yield stage.base.line, base
