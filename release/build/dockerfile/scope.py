"""Which variables an instruction sees: build arguments, platform arguments and the environment. Pure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TypeVar

from release.build.dockerfile.expand import ExpansionError, expand
from release.build.dockerfile.instructions import Arg, Dockerfile, Instruction
from release.errors import BuildError
from release.limits import EXPANDED_IN_ALL
from release.oci.image_json import Platform

_T = TypeVar("_T")


def platform_arguments(platform: Platform) -> dict[str, str]:
    """`TARGETPLATFORM` and its like.

    Where no program runs, the building machine has no part in the result: `BUILDPLATFORM` says the target too.
    """
    parts = {
        "PLATFORM": str(platform),
        "OS": platform.os,
        "ARCH": platform.architecture,
        "VARIANT": platform.variant,
    }
    return {f"{side}{name}": value for side in ("TARGET", "BUILD") for name, value in parts.items()}


class Scope:
    """The variables at one place of a Dockerfile. `env` beats `args` of the same name. `within`: the file's scope."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        *,
        given: Mapping[str, str],
        outer: Mapping[str, str],
        args: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        within: Scope | None = None,
    ) -> None:
        self._dockerfile = dockerfile
        self._given = given
        self._outer = outer
        self.args = dict(args or {})
        self.env = dict(env or {})
        self._whole: Scope = within._whole if within is not None else self
        self._grown = 0  # characters that expansion added; counted for the whole file in its outermost scope

    @property
    def variables(self) -> Mapping[str, str]:
        """What `$name` means here."""
        return ChainMap(self.env, self.args)

    def declare(self, arg: Arg) -> None:
        """Do an `ARG`: the given value, else its default, else what the place outside of the stage says."""
        defaults = {pair.key: pair.value for pair in arg.defaults}
        for name in arg.names:
            if name in self._given:
                self.args[name] = self._given[name]
            elif name in defaults:
                self.args[name] = self.expand(arg, defaults[name])
            elif name in self._outer:
                self.args[name] = self._outer[name]

    def expand(self, instruction: Instruction, text: str) -> str:
        """`text` with this scope's variables. Raises `BuildError` with the line."""
        return self.apply(instruction, text, expand)

    def _grow(self, characters: int) -> None:
        self._grown += max(0, characters)
        if self._grown > EXPANDED_IN_ALL:
            raise ExpansionError(f"the file's variables grow to more than {EXPANDED_IN_ALL} characters")

    def apply(
        self, instruction: Instruction, text: str, how: Callable[[str, Mapping[str, str], str], _T]
    ) -> _T:
        """As `expand`, by another of the functions of `release.build.dockerfile.expand`."""
        try:
            result = how(text, self.variables, self._dockerfile.escape)
            self._whole._grow(_size(result) - len(text))
            return result
        except ExpansionError as error:
            raise BuildError(
                f"{self._dockerfile.name}:{instruction.line}: {error}",
                hint="a literal `$` is written `\\$`, and quotes are closed on their line",
            ) from error


def _size(result: object) -> int:
    return (
        len(result) if isinstance(result, str) else sum(map(len, result)) if isinstance(result, tuple) else 0
    )


def global_scope(dockerfile: Dockerfile, given: Mapping[str, str], platform: Platform) -> Scope:
    """What `FROM` lines see: the `ARG`s before the first of them, and the platform arguments."""
    platform_values = platform_arguments(platform)
    scope = Scope(dockerfile, given=given, outer=platform_values, args=platform_values)
    for arg in dockerfile.arguments:
        scope.declare(arg)
    return scope
