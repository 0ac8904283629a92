"""Makes buildah create the folder of a `WORKDIR` as BuildKit and docker do. Pure.

buildah creates a `WORKDIR` folder for the next COPY, ADD or RUN only, and for a COPY with the owner of its `--chown`.
So a `COPY` of no file is added behind a `WORKDIR` before a COPY or ADD with `--chown`, and behind a `WORKDIR` that no
COPY, ADD or RUN follows, where somebody sees the folder: in the target stage, and in a stage that others copy or mount.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.build.dockerfile.instructions import Add, Copy, Dockerfile, Run, Stage, Workdir
from release.build.dockerfile.stage_graph import mounted_from, source_of, stages_up_to, target_stage

#: The name of the named context that is an empty folder.
NOTHING = "shipmark-nothing"
_LINE = f"COPY --from={NOTHING} . ./".encode()


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The Dockerfile for buildah. `added`: the numbers of the lines that were added to it."""

    text: bytes
    added: tuple[int, ...] = ()

    def own_line(self, line: int) -> int:
        """The line number in the repository's Dockerfile for the line `line` of the changed text."""
        return line - sum(each < line for each in self.added)


def with_working_dirs(text: bytes, dockerfile: Dockerfile, target: str | None) -> Sent:
    """The Dockerfile with the added `COPY` lines in the stages up to the target."""
    seen = _seen(dockerfile, target)
    ends = [
        end
        for stage in stages_up_to(dockerfile, target)
        for end in _places(stage, is_seen=stage.index in seen)
    ]
    if not ends:
        return Sent(text=text)
    lines = text.split(b"\n")
    for end in reversed(ends):
        lines[end:end] = [_LINE]
    return Sent(text=b"\n".join(lines), added=tuple(end + number + 1 for number, end in enumerate(ends)))


def _seen(dockerfile: Dockerfile, target: str | None) -> set[int]:
    """The numbers of the stages whose last folder is seen: by the image, or by instructions of other stages."""
    waiting = [target_stage(dockerfile, target)]
    for stage in stages_up_to(dockerfile, target):
        for instruction in stage.instructions:
            used = (source_of(dockerfile, stage, instruction), *mounted_from(dockerfile, stage, instruction))
            waiting += [each for each in used if isinstance(each, Stage)]
    seen: set[int] = set()
    while waiting:
        stage = waiting.pop()
        seen.add(stage.index)
        if not any(isinstance(each, Add | Copy | Run | Workdir) for each in stage.instructions):
            # The folder of the stage below is still the last one.
            named = [
                each for each in dockerfile.stages[: stage.index] if each.name == stage.base.image.lower()
            ]
            waiting += named[-1:]
    return seen


def _places(stage: Stage, *, is_seen: bool) -> Iterator[int]:
    """The numbers of the lines behind which a `COPY` line has to be added."""
    waiting: Workdir | None = None
    for instruction in stage.instructions:
        if isinstance(instruction, Workdir):
            waiting = instruction
        elif isinstance(instruction, Add | Copy | Run):
            if waiting is not None and instruction.flag("chown"):
                yield waiting.end_line
            waiting = None
    if waiting is not None and is_seen:
        yield waiting.end_line
