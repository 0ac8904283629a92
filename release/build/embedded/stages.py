"""Executes a Dockerfile's stages without running programs: instructions in, a config and layers as values out.

Pure except for `Files`, which reads account files and archives.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.build.context.tree import Tree
from release.build.dockerfile.instructions import Dockerfile, Stage
from release.build.dockerfile.scope import Scope, global_scope
from release.build.dockerfile.stage_graph import base_of, stage_platform
from release.build.embedded.named_sources import NO_NAMED_SOURCES, NamedSources
from release.build.embedded.obstacles import needed_stages
from release.build.embedded.stage_image import Images, StageImage
from release.build.embedded.stage_instructions import Files, run_stage
from release.build.embedded.stage_sources import StageSources
from release.oci.image_json import Platform


def build_stages(
    dockerfile: Dockerfile,
    context: Tree,
    *,
    target: str | None,
    platform: Platform,
    given: Mapping[str, str],
    files: Files,
    images: Images | None = None,
    named: NamedSources = NO_NAMED_SOURCES,
) -> StageImage:
    """The image of `target` (None: the last stage) for `platform`. `given`: build arguments. Raises `BuildError`.

    `images`: those that `needed_images` names. `named`: the named contexts of the build.
    """
    sources = StageSources(context=context, stages={}, images=images or {}, platform=platform, named=named)
    scope = global_scope(dockerfile, given, platform)
    done: dict[int, StageImage] = {}
    last = -1
    for stage in needed_stages(dockerfile, target, given, platform):
        base = base_of(dockerfile, stage, scope)
        start = StageImage()
        if isinstance(base, Stage):
            start = done[base.index]
        elif base is not None:
            start = sources.base(base, stage_platform(dockerfile, stage, scope, platform))
        inner = Scope(
            dockerfile, given=given, outer=scope.args, args=start.args, env=start.config.env, within=scope
        )
        sources = msgspec.structs.replace(sources, stages=done)
        done[stage.index] = run_stage(dockerfile, stage, start, inner, sources=sources, files=files)
        last = stage.index
    return done[last]
