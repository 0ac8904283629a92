"""What a daemon's classic builder can build: features of the Dockerfile, and sources that it copies. Pure.

Sources: moby, `builder/dockerfile`, and builds with the Engine API of docker 20.10.
"""

from __future__ import annotations

from release.build.context.reach import Reach
from release.build.context.tree import Tree
from release.build.dockerfile.features.names import Feature
from release.build.dockerfile.instructions import Add, Copy, Dockerfile, Instruction, Stage
from release.build.dockerfile.scope import Scope
from release.build.dockerfile.stage_graph import base_of, stages_up_to
from release.digits import number_in
from release.errors import BuildError
from release.oci.image_json import Platform

#: Features of the classic builder, for which `# syntax=` and `# check=` are comments.
CLASSIC_FEATURES: frozenset[Feature] = frozenset(
    {
        "add-url",
        "check",
        "copy-chown",
        "copy-from-empty",
        "copy-from-image",
        "copy-from-stage",
        "copy-source-empty",
        "expansion-required",
        "expose-empty",
        "from-image",
        "from-platform",
        "from-platform-argument",  # `sent_dockerfile` declares it
        "from-stage-argument",
        "healthcheck",
        "maintainer",
        "onbuild",
        "platform-argument",
        "run",
        "shell",
        "syntax",
    }
)
# The first major version of the engine with `HEALTHCHECK --start-interval`.
_START_INTERVAL = 25


def features_of(version: str) -> frozenset[Feature]:
    """The features of the builder of an engine. `version`: the engine's, such as `20.10.24`; empty if it is unknown."""
    major = number_in(version.partition(".")[0], most=10_000)
    if major is None or major < _START_INTERVAL:
        return CLASSIC_FEATURES
    return CLASSIC_FEATURES | {"healthcheck-start-interval"}


def require_usual_matches(reach: Reach, files: Tree) -> None:
    """Raise `BuildError` for wildcards behind a symlink, and for several matches without a slash in the destination.

    `files`: of the context. The features of the Dockerfile tell only of several sources that are written out.
    """
    for source in reach.sources:
        if source.is_wild and source.matches(files) and _leads_elsewhere(source.literal, files):
            raise BuildError(
                f"{source.where}: the Engine API's builder does not follow the symlink in `{source.text}`",
                hint="write the folder where it leads",
            )
    for sources in reach.by_instruction():
        found = [path for source in sources if not source.is_mount for path in source.matches(files)]
        first, destination = sources[0], sources[0].destination
        if len(found) > 1 and destination and not destination.endswith("/"):
            raise BuildError(
                f"{first.where}: the Engine API's builder does not copy the {len(found)} matches of "
                f"`{first.text}` to `{destination}`, without `/` at its end",
                hint=f"write `{destination}/`",
            )


def require_files_first(
    dockerfile: Dockerfile, target: str | None, scope: Scope, platform: Platform, own: Platform
) -> None:
    """Raise `BuildError` for another operating system, and for a stage that is not built for another processor.

    `own`: the platform of the daemon's machine. That stage is one from `scratch`: of an image without files the daemon
    always says that it is for its own machine, so it does not find the image of an ENV or ARG again for the next COPY.
    """
    if platform.os != own.os:
        raise BuildError(
            f"the docker daemon builds images for `{own.os}`, and not for `{platform}`",
            hint="choose a BuildKit of its own: `docker buildx create --use`",
        )
    if platform.architecture == own.architecture:
        return
    for stage in stages_up_to(dockerfile, target):
        first = _first_on_scratch(dockerfile, stage, scope)
        if first is not None and not isinstance(first, Add | Copy):
            raise BuildError(
                f"{dockerfile.name}:{first.line}: the Engine API's builder of `{own}` builds for `{platform}` from "
                f"`scratch` only where COPY or ADD comes first",
                hint="write the COPY before it, or choose another builder: `build: {builder: buildkit}` or `layers`",
            )


def _first_on_scratch(dockerfile: Dockerfile, stage: Stage, scope: Scope) -> Instruction | None:
    """The stage's first instruction if nothing stands below it; None where another stage or an image does."""
    base = base_of(dockerfile, stage, scope)
    while isinstance(base, Stage) and not base.instructions:
        base = base_of(dockerfile, base, scope)
    return next(iter(stage.instructions), None) if base is None else None


def _leads_elsewhere(names: tuple[str, ...], files: Tree) -> bool:
    path = "/".join(names)
    return files.resolve(path) != path
