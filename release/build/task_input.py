"""Reads and checks the input of a build task, in the same way for every builder."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build import BuildTask, BuildValues
from release.build.context import Context
from release.build.context.contexts import Contexts
from release.build.context.reach import Reach, reach_of
from release.build.context.selection import Selection
from release.build.context.sources import require_sources
from release.build.dockerfile.features.names import FEATURES, Feature
from release.build.dockerfile.features.needs import needs_of
from release.build.dockerfile.instructions import Dockerfile
from release.build.dockerfile.scope import global_scope
from release.build.dockerfile.stage_graph import has_layer
from release.build.required_mounts import require_given_mounts
from release.build_spec import BuildSpec, options
from release.compression.codecs import Codec, codec_named
from release.errors import BuildError
from release.oci.image_json import Platform, parse_platform, wanted_platform

# The platform for which a Dockerfile is read where the builder chooses it. Any will do, unless a `FROM` line chooses
# its image by `TARGETARCH`.
_SOME_PLATFORM = parse_platform("linux/amd64")


class TaskInput(msgspec.Struct, frozen=True, kw_only=True):
    """A build task with its Dockerfile, files and options, read and checked.

    `chosen`: the files of the context, the same for every builder. `platforms`: empty if the task names none.
    """

    task: BuildTask
    values: BuildValues
    context: Context
    chosen: Selection
    platforms: tuple[Platform, ...]

    @property
    def given(self) -> Mapping[str, str]:
        """The build arguments that the Dockerfile can declare, with SOURCE_DATE_EPOCH. A value may be a secret."""
        return self.values.with_epoch(self.task.created)

    @property
    def codec(self) -> Codec:
        """What compresses layers here. Raises `ConfigError` if the library for `compression` is not installed."""
        return codec_named(self.task.spec.compression)

    @property
    def reach(self) -> Reach:
        """What the stages that the target needs read from the context."""
        platforms = self.platforms or (_SOME_PLATFORM,)
        return reach_of(self.context.dockerfile, self.task.spec.target, self.given, platforms)


def read_input(
    task: BuildTask, values: BuildValues, contexts: Contexts | None = None, *, compresses: bool = True
) -> TaskInput:
    """Read the Dockerfile and the context, and check the options. `contexts`: None: read without git.

    `compresses`: whether layers are compressed here, and not by the builder's own program.

    Raises `BuildError` for an error in the Dockerfile, in a path or in an option, `ConfigError` if layers are
    compressed here and the library for `compression` is not installed, and as `Contexts.read`.
    """
    if compresses:
        codec_named(task.spec.compression)
    platforms = tuple(wanted_platform(text) for text in task.spec.platforms)
    read = (contexts or Contexts()).read(task, values)
    found = TaskInput(task=task, values=values, context=read.context, chosen=read.chosen, platforms=platforms)
    require_features(found, "", FEATURES)
    for platform in platforms or (_SOME_PLATFORM,):
        require_given_mounts(read.context.dockerfile, task.spec, found.given, platform)
    return found


def require_features(
    read: TaskInput, builder: str, known: frozenset[Feature], *, builds_all: bool = False
) -> None:
    """Raise `BuildError` for the first feature that the Dockerfile needs and that is not in `known`.

    `builder`: for the message. `builds_all`: the builder also builds stages that the target does not need.
    """
    for platform in read.platforms or (_SOME_PLATFORM,):
        needs = needs_of(
            read.context.dockerfile,
            target=read.task.spec.target,
            given=read.given,
            platform=platform,
            builds_all=builds_all,
        )
        needs.require(known, builder)


def require_layer(read: TaskInput) -> None:
    """Raise `BuildError` for an image without any file or folder, which not every builder makes."""
    dockerfile, target = read.context.dockerfile, read.task.spec.target
    for platform in read.platforms or (_SOME_PLATFORM,):
        if not has_layer(dockerfile, target, global_scope(dockerfile, read.given, platform)):
            raise no_file(dockerfile)


def require_no_windows(read: TaskInput, builder: str) -> None:
    """Raise `BuildError` for a platform of Windows, for a builder that makes all images as Linux has them.

    Layers for Windows have their files below `Files/`; the paths in the config, PATH and the shell are others.
    """
    for platform in read.platforms:
        if platform.os == "windows":
            raise BuildError(
                f"{builder} makes no images for `{platform}`",
                hint="choose BuildKit: `build: {builder: buildkit}`",
            )


def no_file(dockerfile: Dockerfile) -> BuildError:
    """The error for an image without any file, which the image specification allows, and daemons refuse."""
    return BuildError(
        f"the image of `{dockerfile.name}` would contain no file", hint="add a `COPY` of at least one file"
    )


def reach_by_task(read: TaskInput, *, builds_all: bool = False) -> Reach:
    """The sources in the context that the build reads. `builds_all`: also those of stages that it does not need."""
    platforms = read.platforms or (_SOME_PLATFORM,)
    return reach_of(
        read.context.dockerfile, read.task.spec.target, read.given, platforms, builds_all=builds_all
    )


def require_sources_of_all(read: TaskInput) -> Reach:
    """The sources of all stages that the builder builds, whether or not the target needs them.

    Raises `BuildError` for a missing one.
    """
    reach = reach_by_task(read, builds_all=True)
    try:
        require_sources(read.context, read.chosen, reach)
    except BuildError as error:
        hint = "remove the stage, or choose a builder that skips stages that it does not need: `builder: buildkit`"
        raise BuildError(error.message, hint=hint) from error
    return reach


def require_options(spec: BuildSpec, builder: str) -> None:
    """Raise `BuildError` for an option that the builder does not support: ignoring it would give another image."""
    for name in spec.given:
        # `push: by-client` is what a builder without the option does.
        is_met = name == "push" and spec.push == "by-client"
        known = options()[name].builders
        if known and builder not in known and not is_met:
            shown = " or ".join(f"`{other}`" for other in known)
            raise BuildError(
                f"the builder `{builder}` does not support the option `build: {{{name}: …}}`",
                hint=f"remove the option, or choose a builder that supports it: {shown}",
            )
