"""Makes buildah create the folder of a `WORKDIR` behind which nothing is copied or run. Pure.

buildah creates it for the next COPY, ADD or RUN only; BuildKit and docker always do.
"""

from __future__ import annotations

from release.build.dockerfile.instructions import Add, Copy, Dockerfile, Run, Workdir
from release.build.dockerfile.stage_graph import target_stage

#: The named context of an empty folder.
NOTHING = "shipmark-nothing"


def with_working_dir(text: bytes, dockerfile: Dockerfile, target: str | None) -> bytes:
    """The Dockerfile with a `COPY` of nothing behind the target stage, where that is needed.

    Lines of this stage and of those before it keep their numbers.
    """
    stage = target_stage(dockerfile, target)
    last = [each for each in stage.instructions if isinstance(each, Add | Copy | Run | Workdir)]
    if not last or not isinstance(last[-1], Workdir):
        return text
    lines = text.split(b"\n")
    end = stage.instructions[-1].end_line
    return b"\n".join([*lines[:end], f"COPY --from={NOTHING} . ./".encode(), *lines[end:]])
