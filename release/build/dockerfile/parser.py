"""Parses a Dockerfile into values with line numbers. Pure: text in, `Dockerfile` out; variables are not expanded.

The accepted syntax and its meaning agree with BuildKit 0.34; `tests/unit/build/dockerfile/test_agreement.py` holds
it to that, and lists the differences with their reasons. Source: the Dockerfile reference
(docs.docker.com/reference/dockerfile).
"""

from __future__ import annotations

from release.build.dockerfile.instructions import Arg, Dockerfile, From, Instruction, Stage
from release.build.dockerfile.lines import logical_lines, read_directives
from release.build.dockerfile.operands import read_instruction
from release.errors import BuildError
from release.limits import DOCKERFILE_INSTRUCTIONS


def parse(text: str, name: str = "Dockerfile") -> Dockerfile:
    """Parse the text of a Dockerfile. `name`: the file's name in messages. Raises `BuildError` with the line."""
    directives = read_directives(text, name)
    arguments: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for number, logical in enumerate(logical_lines(text, name, directives), 1):
        if number > DOCKERFILE_INSTRUCTIONS:
            raise BuildError(
                f"{name}:{logical.line}: more than {DOCKERFILE_INSTRUCTIONS} instructions",
                hint="put neighbouring ENV, LABEL and ARG into one instruction each",
            )
        instruction = read_instruction(name, logical, directives.escape)
        match instruction:
            case From():
                stages.append((instruction, []))
            case _ if stages:
                stages[-1][1].append(instruction)
            case Arg():
                arguments.append(instruction)
            case _:
                raise BuildError(
                    f"{name}:{logical.line}: `{logical.keyword}` stands before the first `FROM`: `{logical.shown}`",
                    hint="start with `FROM`; only `ARG` may stand before it",
                )
    if not stages:
        raise BuildError(f"`{name}` has no `FROM`", hint="start the file with `FROM scratch` or a base image")
    return Dockerfile(
        name=name,
        arguments=tuple(arguments),
        stages=tuple(
            Stage(index=index, base=base, instructions=tuple(inner))
            for index, (base, inner) in enumerate(stages)
        ),
        syntax=directives.syntax,
        escape=directives.escape,
        check=directives.check,
        check_line=directives.check_line,
    )
