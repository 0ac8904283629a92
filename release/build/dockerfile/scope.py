"""Which variables an instruction sees: build arguments, platform arguments and the environment. Pure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TypeVar

from release.build.dockerfile.expand import ExpansionError, expand
from release.build.dockerfile.instructions import Arg, Dockerfile, Instruction
from release.errors import BuildError
from release.lazy_pattern import pattern
from release.limits import EXPANDED_IN_ALL
from release.oci.image_json import Platform

_T = TypeVar("_T")
_NAME = pattern(r"\$\{?(\w+)")

#: The PATH of an image without one, in the classic builder and BuildKit. `ENV PATH=/app:$PATH` relies on it.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def platform_arguments(platform: Platform, build: Platform | None = None) -> dict[str, str]:
    """The build arguments `TARGETPLATFORM`, `TARGETOS`, `BUILDPLATFORM` and so on.

    `build`: the platform of the machine that builds. By default it is the target platform too: the builder `layers`
    runs no program, so its image must not depend on that machine.
    """
    values: dict[str, str] = {}
    for side, each in (("TARGET", platform), ("BUILD", build or platform)):
        values[f"{side}PLATFORM"] = str(each)
        values[f"{side}OS"] = each.os
        values[f"{side}ARCH"] = each.architecture
        values[f"{side}VARIANT"] = each.variant
    return values


class Scope:
    """The variables of the `FROM` lines, or of one stage.

    Of an `ENV` and an `ARG` with equal names, the later one gives the value. A stage inherits `args` and `env` of the
    stage below it; where both have a name, `env` gives the value.

    `given`: build arguments of the task. `outer`: values for each `ARG` that has neither a given value nor a default.
    `within`: the scope of the `FROM` lines, which counts the expanded characters of the whole file.
    """

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
        self._later: dict[str, str] = {}  # build arguments that were declared after an ENV of the same name
        self._whole: Scope = within._whole if within is not None else self
        self._grown = 0  # characters that expansion added; counted for the whole file in its outermost scope

    @property
    def variables(self) -> Mapping[str, str]:
        """Name -> value of each variable that is set."""
        return ChainMap(self._later, self.env, self.args)

    def is_given(self, name: str) -> bool:
        """Whether the task gives the build argument `name`."""
        return name in self._given

    def unset_in(self, text: str) -> tuple[str, ...]:
        """The variables in `text` that have no value, or an empty one."""
        return tuple(name for name in names_in(text) if not self.variables.get(name))

    def declare(self, arg: Arg) -> None:
        """Set the variables of an `ARG`: to the given value, else the default, else the value outside of the stage."""
        for name, default in arg.pairs:
            if name in self._given:
                value = self._given[name]
            elif default is not None:
                value = self.expand(arg, default)
            elif name in self._outer:
                value = self._outer[name]
            else:
                continue
            self.args[name] = self._later[name] = value

    def set_env(self, values: Mapping[str, str]) -> None:
        """Set the variables of an `ENV`."""
        self.env.update(values)
        for name in values:
            self._later.pop(name, None)

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
        """The result of `how`, a function of `release.build.dockerfile.expand`. Raises `BuildError` with the line."""
        try:
            result = how(text, self.variables, self._dockerfile.escape)
            self._whole._grow(_size(result) - len(text))
            return result
        except ExpansionError as error:
            raise BuildError(
                f"{self._dockerfile.name}:{instruction.line}: {error}",
                hint=error.hint,
            ) from error


def names_in(text: str) -> tuple[str, ...]:
    """The names of the variables in a text, also of escaped ones."""
    return tuple(_NAME.findall(text))


def _size(result: object) -> int:
    return (
        len(result) if isinstance(result, str) else sum(map(len, result)) if isinstance(result, tuple) else 0
    )


def global_scope(
    dockerfile: Dockerfile, given: Mapping[str, str], platform: Platform, build: Platform | None = None
) -> Scope:
    """The scope of `FROM` lines: the `ARG`s before the first `FROM`, and the platform arguments.

    A given build argument overrides a platform argument of the same name even where no `ARG` declares it.
    """
    values = platform_arguments(platform, build)
    values |= {name: given[name] for name in values if name in given}
    scope = Scope(dockerfile, given=given, outer=values, args=values)
    for arg in dockerfile.arguments:
        scope.declare(arg)
    return scope
