"""Makes buildah create the folder of a `WORKDIR` as BuildKit and docker do. Pure.

buildah creates it for the next COPY, ADD or RUN only, and for a COPY with the owner of that `--chown`. So a `COPY` of
nothing is put behind a `WORKDIR` that nothing follows, or a COPY or ADD with `--chown`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.build.dockerfile.instructions import Add, Copy, Dockerfile, Run, Stage, Workdir
from release.build.dockerfile.stage_graph import target_stage

#: The named context of an empty folder.
NOTHING = "shipmark-nothing"
_LINE = f"COPY --from={NOTHING} . ./".encode()


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The Dockerfile as the program gets it. `added`: numbers of the lines that were put into it."""

    text: bytes
    added: tuple[int, ...] = ()

    def own_line(self, line: int) -> int:
        """The number in the repository's file of a line of this text."""
        return line - sum(each < line for each in self.added)


def with_working_dirs(text: bytes, dockerfile: Dockerfile, target: str | None) -> Sent:
    """The Dockerfile with these lines in the stages up to the target."""
    last = target_stage(dockerfile, target)
    ends = [
        end for stage in dockerfile.stages[: last.index + 1] for end in _places(stage, is_last=stage == last)
    ]
    if not ends:
        return Sent(text=text)
    lines = text.split(b"\n")
    for end in reversed(ends):
        lines[end:end] = [_LINE]
    return Sent(text=b"\n".join(lines), added=tuple(end + number + 1 for number, end in enumerate(ends)))


def _places(stage: Stage, *, is_last: bool) -> Iterator[int]:
    """The lines behind which a line is needed."""
    waiting: Workdir | None = None
    for instruction in stage.instructions:
        if isinstance(instruction, Workdir):
            waiting = instruction
        elif isinstance(instruction, Add | Copy | Run):
            if waiting is not None and instruction.flag("chown"):
                yield waiting.end_line
            waiting = None
    if waiting is not None and is_last:
        yield waiting.end_line
