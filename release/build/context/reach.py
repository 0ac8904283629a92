"""Which paths of the context a build reads: by COPY, ADD and bind mounts of the stages that it needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from release.build.context.source_pattern import Source
from release.build.context.stage_sources import mounts_of, sources_in
from release.build.context.tree import Tree
from release.build.dockerfile.instructions import Add, Copy, Dockerfile, Instruction, Run, Stage
from release.build.dockerfile.mounts import MountError
from release.build.dockerfile.scope import Scope, global_scope
from release.build.dockerfile.stage_graph import base_of, effective_instructions
from release.build.dockerfile.stage_references import named, written_mounts, written_source
from release.errors import BuildError
from release.oci.image_json import Platform


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The sources that the needed stages read from the context.

    `stages`: the needed stages, each with the `ONBUILD` triggers that it executes before its own instructions. `bases`:
    stage -> the earlier stage that it starts from.
    """

    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    bases: Mapping[int, int]

    def through_links(self, files: Tree) -> Reach:
        """The same sources, and what they read behind symlinks of the context. `files`: of the context."""
        behind = [each for source in self.sources for each in source.behind_links(files)]
        return msgspec.structs.replace(self, sources=tuple(dict.fromkeys((*self.sources, *behind))))

    def by_instruction(self) -> Iterator[list[Source]]:
        """The sources of each instruction, in the order of the file."""
        for _, group in groupby(self.sources, key=lambda source: (source.stage, source.where)):
            yield list(group)

    def source_of(self, path: str) -> Source | None:
        """The first source that reads `path`."""
        return next((source for source in self.sources if source.reaches(path)), None)

    @property
    def runs_on_files(self) -> bool:
        """Whether a RUN may see files of the context: it mounts some, or comes after a COPY or ADD, of any source."""
        filled: set[int] = set()
        for stage in self.stages:  # sorted, so that a base comes before the stages that start from it
            has_files = self.bases.get(stage.index) in filled
            for instruction in stage.instructions:
                has_files = has_files or isinstance(instruction, Copy | Add)
                mounts = [mount.get("type", "bind").lower() for mount in mounts_of(instruction)]
                if "bind" in mounts or (has_files and isinstance(instruction, Run)):
                    return True
            filled |= {stage.index} if has_files else set()
        return False

    def in_stage(self, stage: int) -> tuple[Source, ...]:
        """The sources of a stage and of the stages that it starts from."""
        line = self.line_of(stage)
        return tuple(source for source in self.sources if source.stage in line)

    def line_of(self, stage: int) -> set[int]:
        """The numbers of a stage and of the stages that it starts from."""
        line = {stage}
        while stage in self.bases:
            stage = self.bases[stage]
            line.add(stage)
        return line


def reach_of(
    dockerfile: Dockerfile,
    target: str | None,
    given: Mapping[str, str],
    platforms: Sequence[Platform],
    *,
    builds_all: bool = False,
) -> Reach:
    """The sources in the context that the build of `target` (None: the last stage) reads. `given`: build arguments.

    `builds_all`: the builder also builds stages above the target that the target does not need.
    """
    found: dict[Source, None] = {}
    stages: dict[int, Stage] = {}
    bases: dict[int, int] = {}
    for platform in platforms:
        scope = global_scope(dockerfile, given, platform)
        needed, starts = _needed(dockerfile, target, scope, builds_all=builds_all)
        stages |= needed
        bases |= starts
        inherited: dict[int, Scope] = {}
        for index in sorted(needed):
            before = inherited.get(starts.get(index, -1))
            inner = Scope(
                dockerfile,
                given=given,
                outer=scope.args,
                args=before.args if before is not None else {},
                env=before.env if before is not None else {},
                within=scope,
            )
            inherited[index] = inner
            found |= dict.fromkeys(sources_in(dockerfile, needed[index], inner))
    return Reach(sources=tuple(found), stages=tuple(stages[index] for index in sorted(stages)), bases=bases)


def _needed(
    dockerfile: Dockerfile, target: str | None, scope: Scope, *, builds_all: bool
) -> tuple[dict[int, Stage], dict[int, int]]:
    """The stages that `target` needs, as BuildKit chooses them, and which stage each of them starts from."""
    last = dockerfile.stages[-1] if target is None else dockerfile.stage(target)
    waiting = [last] if last is not None else []
    if builds_all and last is not None:
        waiting = list(dockerfile.stages[: last.index + 1])
    needed: dict[int, Stage] = {}
    starts: dict[int, int] = {}
    while waiting:
        stage = waiting.pop()
        if stage.index in needed:
            continue
        base, instructions = _start(dockerfile, stage, scope)
        needed[stage.index] = msgspec.structs.replace(stage, instructions=instructions)
        if base is not None:
            starts[stage.index] = base.index
            waiting.append(base)
        for instruction in instructions:
            waiting += _used(dockerfile, instruction)
    return needed, starts


def _start(
    dockerfile: Dockerfile, stage: Stage, scope: Scope
) -> tuple[Stage | None, tuple[Instruction, ...]]:
    """The stage below, if there is one, and the instructions that the stage executes."""
    try:
        base = base_of(dockerfile, stage, scope)
        instructions = effective_instructions(dockerfile, stage, scope)
    except BuildError:
        return None, stage.instructions  # the builder reports an operand that cannot be expanded
    return (base if isinstance(base, Stage) else None), instructions


def _used(dockerfile: Dockerfile, instruction: Instruction) -> list[Stage]:
    """The stages whose files an instruction copies or mounts."""
    try:
        copied = written_source(dockerfile, instruction)
        mounted = [named(dockerfile, name) for name in written_mounts(dockerfile, instruction)]
    except (BuildError, MountError):
        return []  # the builder reports it
    return [each for each in (copied, *mounted) if isinstance(each, Stage)]
