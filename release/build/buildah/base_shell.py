"""Finds commands in shell form that buildah wrapped in `/bin/sh -c` although the base image names another shell. Pure.

What a base's config says is known only behind the build: buildah pulls its bases itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from release.build.dockerfile.instructions import Cmd, Dockerfile, Entrypoint, Instruction, Shell, Stage
from release.build.dockerfile.stage_graph import target_stage
from release.errors import BuildError

_DEFAULT = ["/bin/sh", "-c"]


def stages_below(dockerfile: Dockerfile, stage: Stage) -> Iterator[Stage]:
    """The stage, and those that it is built on by their names, from the top down."""
    below: Stage | None = stage
    while below is not None:
        yield below
        earlier, base = dockerfile.stages[: below.index], below.base.image.lower()
        below = next((each for each in reversed(earlier) if each.name == base), None)


def require_shell_of_base(config: bytes, dockerfile: Dockerfile, target: str | None, shown: str) -> None:
    """Raise `BuildError` for a command that the base's `SHELL` should run. `config`: of the image that was built.

    A `SHELL` of the Dockerfile itself is looked for before the build.
    """
    runtime: dict[str, Any] = msgspec.json.decode(config).get("config") or {}
    shell = runtime.get("Shell") or _DEFAULT
    stages = [*stages_below(dockerfile, target_stage(dockerfile, target))]
    instructions = [each for stage in reversed(stages) for each in stage.instructions]
    if shell == _DEFAULT or any(isinstance(each, Shell) for each in instructions):
        return
    kinds: tuple[tuple[str, type[Cmd | Entrypoint]], ...] = (("Entrypoint", Entrypoint), ("Cmd", Cmd))
    for member, kind in kinds:
        last = _last(instructions, kind)
        if last is not None and (runtime.get(member) or [])[:2] == _DEFAULT:
            words = ", ".join(f'"{word}"' for word in shell)
            raise BuildError(
                f"{dockerfile.name}:{last.line}: {shown} does not apply the `SHELL` of the base to `{member.upper()}`",
                hint=f'write `{member.upper()} [{words}, "…"]`',
            )


def _last(instructions: list[Instruction], kind: type[Cmd | Entrypoint]) -> Cmd | Entrypoint | None:
    """The last instruction of this kind, if it has the shell form."""
    found = [each for each in instructions if isinstance(each, kind)]
    return found[-1] if found and found[-1].command.form == "shell" else None
