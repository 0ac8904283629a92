"""An instruction's stage and the variables that it sees, and how its operands are expanded there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.build.dockerfile.features.names import Feature
from release.build.dockerfile.features.new_folders import StageFolders
from release.build.dockerfile.instructions import (
    Dockerfile,
    Instruction,
    Stage,
)
from release.build.dockerfile.scope import Scope, names_in
from release.errors import BuildError
from release.lazy_pattern import pattern

_PATTERN = pattern(r"(?<!\\)\$\{\w+[#%/]")
_UNSET = pattern(r"(?<!\\)\$\{\w+[-+?]")
_REQUIRED = pattern(r"(?<!\\)\$\{\w+:\?")

#: Features and, for messages, what needs them.
Found = Iterator[tuple[Feature, str]]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The stage of an instruction, and the variables that the instruction sees.

    `is_open`: the stage starts from an image, whose environment is not known, so a variable may have a value there.
    `folders`: those that the stage has so far.
    """

    dockerfile: Dockerfile
    stage: Stage
    scope: Scope
    is_open: bool
    folders: StageFolders

    def expand(self, instruction: Instruction, text: str) -> str:
        """The operand with variables replaced. Raises `BuildError`."""
        try:
            return self.scope.expand(instruction, text)
        except BuildError:
            if self.is_open and "?" in text:  # `${NAME:?…}` requires a variable that the base image may set
                return text
            raise

    def may_depend_on_base(self, *texts: str) -> bool:
        """Whether the base image's environment may decide what the texts expand to."""
        names = {name for text in texts for name in names_in(text)}
        return self.is_open and not names <= self.scope.variables.keys()

    def error(self, instruction: Instruction, what: str, hint: str) -> BuildError:
        """The error for a value of the instruction that no builder can use. `what`: with the value."""
        return BuildError(
            f"{self.dockerfile.name}:{instruction.line}: {what}: `{instruction.text}`", hint=hint
        )


def expanded(instruction: Instruction, place: Place, *texts: str) -> Found:
    """The features of the expansions in operands. Raises `BuildError` for one that cannot be expanded."""
    for text in texts:
        place.expand(instruction, text)
        yield from patterns(text)


def patterns(text: str) -> Found:
    """The features of the expansions in a text, such as `${NAME#PATTERN}`."""
    if match := _PATTERN.search(text):
        yield "expansion-pattern", f"`{match[0]}…}}`"
    if match := _UNSET.search(text):
        yield "expansion-unset", f"`{match[0]}…}}`"
    if match := _REQUIRED.search(text):
        yield "expansion-required", f"`{match[0]}…}}`"
