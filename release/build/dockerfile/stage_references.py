"""Names of stages and images as `COPY --from=` and `RUN --mount=from=` write them, of any stage of the file. Pure.

Names are resolved as in BuildKit 0.34 (`toCommand` and `detectRunMount` in `frontend/dockerfile/dockerfile2llb`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from release.build.dockerfile.expand import expand
from release.build.dockerfile.instructions import Copy, Dockerfile, Instruction, Run, Stage
from release.build.dockerfile.mounts import mount_form
from release.digits import number_in
from release.errors import BuildError

SCRATCH = "scratch"


def written_source(dockerfile: Dockerfile, instruction: Instruction) -> Stage | str | None:
    """The operand of `COPY --from=`: a stage, the name of an image, or None for the context.

    Raises `BuildError` for a number that no stage has, and for a variable.
    """
    name = instruction.flag("from")
    if not name or not isinstance(instruction, Copy):
        return None
    if "$" in name[:-1]:  # a `$` at the end is not a variable: BuildKit compares the text with its expansion
        raise BuildError(
            f"{at(dockerfile, instruction)}: `--from` takes no variable: `{instruction.text}`",
            hint="name a stage for it: `FROM $VARIABLE AS name`",
        )
    digits = name.removeprefix("+")  # Go reads a number with its sign
    number = number_in(digits, most=len(dockerfile.stages) - 1)
    found = named(dockerfile, name) if number is None else dockerfile.stages[number]
    if found is None and digits.isdecimal():
        raise not_earlier(dockerfile, instruction, f"`{name}` to copy from")
    return name if found is None else found


def written_mounts(dockerfile: Dockerfile, instruction: Instruction) -> Iterator[str]:
    """The names of stages and images in `RUN --mount=from=`, without their quotes.

    For BuildKit a mount without `from=` needs the stage called `scratch`, if there is one.
    """
    for text in instruction.flag_values("mount") if isinstance(instruction, Run) else ():
        said = {key.lower(): name for key, _, name in (field.partition("=") for field in mount_form(text))}
        name = expand(said.get("from", ""), {}, dockerfile.escape)
        if name:
            yield name
        elif named(dockerfile, SCRATCH):
            yield SCRATCH


def not_earlier(dockerfile: Dockerfile, instruction: Instruction, what: str) -> BuildError:
    """The error for a stage that is not above the instruction. `what`: its name and its use."""
    return BuildError(
        f"{at(dockerfile, instruction)}: there is no earlier stage {what}",
        hint="name a stage that stands above, or an image",
    )


def require_no_circle(dockerfile: Dockerfile) -> None:
    """Raise `BuildError` for stages that use files of each other, which BuildKit refuses in every stage."""
    uses: dict[int, dict[int, tuple[Instruction, str]]] = {}
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            copied = [(instruction.flag("from") or "", written_source(dockerfile, instruction))]
            mounted = [(name, named(dockerfile, name)) for name in written_mounts(dockerfile, instruction)]
            for name, used in copied + mounted:
                if isinstance(used, Stage):
                    uses.setdefault(stage.index, {})[used.index] = instruction, name
    for stage in dockerfile.stages:
        for first, (instruction, name) in uses.get(stage.index, {}).items():
            # Only a stage that is not above can lead back to this one.
            if first >= stage.index and stage.index in _reached(first, uses):
                raise not_earlier(dockerfile, instruction, f"`{name}`: it takes files from this stage")


def _reached(start: int, uses: Mapping[int, Iterable[int]]) -> set[int]:
    reached, waiting = {start}, [start]
    while waiting:
        new = set(uses.get(waiting.pop(), ())) - reached
        reached |= new
        waiting += new
    return reached


def named(dockerfile: Dockerfile, name: str) -> Stage | None:
    """The last stage with the name, upper and lower case being equal."""
    named = [each for each in dockerfile.stages if each.name == name.lower()]
    return named[-1] if named else None


def at(dockerfile: Dockerfile, instruction: Instruction) -> str:
    """The file and line, for messages."""
    return f"{dockerfile.name}:{instruction.line}"
