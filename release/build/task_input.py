"""Reads and checks the input of a build task, in the same way for every builder."""

from __future__ import annotations

import msgspec

from release.build import BuildTask, BuildValues
from release.build.context import Context, open_context
from release.build.embedded.obstacles import target_stage
from release.build_spec import BuildSpec
from release.compression.codecs import Codec, codec_named
from release.errors import BuildError
from release.oci.image_json import Platform, parse_platform

#: Options of `build:` that every builder supports.
COMMON = frozenset(
    {"builder", "context", "dockerfile", "target", "args", "platforms", "compression", "foreign_binaries"}
)


class TaskInput(msgspec.Struct, frozen=True, kw_only=True):
    """A build task with its Dockerfile, ignore rules and options, parsed and checked.

    `platforms`: empty if the task names none.
    """

    task: BuildTask
    values: BuildValues
    context: Context
    platforms: tuple[Platform, ...]
    codec: Codec


def read_input(task: BuildTask, values: BuildValues) -> TaskInput:
    """Read the Dockerfile and the ignore rules, and check the options.

    Raises `BuildError` for an error in the Dockerfile, in a path or in an option, and `ConfigError` if the library for
    `compression` is not installed.
    """
    context = open_context(task)
    codec = codec_named(task.spec.compression)
    target_stage(context.dockerfile, task.spec.target)
    platforms = tuple(parse_platform(text) for text in task.spec.platforms)
    return TaskInput(task=task, values=values, context=context, platforms=platforms, codec=codec)


def require_options(spec: BuildSpec, builder: str, known: frozenset[str] = COMMON) -> None:
    """Raise `BuildError` for an option that the builder does not support: ignoring it would give another image."""
    for name in spec.given:
        if name not in known:
            raise BuildError(
                f"the builder `{builder}` does not support the option `build: {{{name}: …}}`",
                hint="remove the option, or choose a builder that supports it",
            )
