"""Replaces GitHub's expressions (`${{ … }}`) in inputs: by their value where the file tells it, else by a variable.

The variable is set on the step, so the expression itself stays GitHub's. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from release.lazy_pattern import pattern
from release.secrets.names import looks_secret

EXPRESSION = pattern(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CONTEXT = pattern(r"(env|matrix|inputs|vars|secrets|github)\.([A-Za-z_][\w-]*)", re.ASCII)
_LITERAL = pattern(r"'((?:[^']|'')*)'")
_STEPS = pattern(r"\bsteps\.([\w-]+)\.")
#: Facts that the runner also gives every step as a variable.
_RUNNER = frozenset(
    """
    actor event_name head_ref base_ref ref ref_name ref_type repository repository_owner run_attempt run_id run_number
    sha workflow
    """.split()  # noqa: SIM905  # quoted names would hide the list
)
# An `env` value may name others, which may name others.
_DEEPEST = 8


class Unresolved(Exception):
    """An expression that only GitHub can evaluate, where no variable may stand. Becomes `CannotConvert`."""


class Values:
    """The values that a job's expressions have, as far as the file says. `variables`: collected for the step's `env:`.

    env: of workflow and job. matrix: of one combination. facts: of the `github` context, such as `repository`.
    steps: output of an earlier step (`meta.version`) -> what stands in its place in the config.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, Any],
        matrix: Mapping[str, Any],
        facts: Mapping[str, str],
        steps: Mapping[str, str],
    ) -> None:
        self._env, self._matrix, self._facts, self._steps = env, matrix, facts, steps
        self.variables: dict[str, str] = {}
        self.lost: list[str] = []  # outputs of removed steps that have no counterpart

    def literal(self, text: str) -> str | None:
        """`text` with every expression replaced by its value; None if one has none."""
        try:
            return self._filled(text, lambda _: _refuse())
        except Unresolved:
            return None

    def text(self, text: str, *, form: str) -> str:
        """`text` with values, and a variable for each expression without one.

        form: how the config writes a variable: `${%s}` in images and build arguments, `{{env.%s}}` in rules.
        """
        return self._filled(text, lambda inner: form % self._variable(inner))

    def _filled(self, text: str, other: Callable[[str], str], depth: int = 0) -> str:
        def value(match: re.Match[str]) -> str:
            inner = match[1].strip()
            found = self._value(inner, depth)
            return other(inner) if found is None else found

        return EXPRESSION.sub(value, text)

    def _value(self, inner: str, depth: int) -> str | None:
        if (literal := _LITERAL.fullmatch(inner)) is not None:
            return literal[1].replace("''", "'")
        if (output := _output(inner)) is not None:
            if output in self._steps:
                return self._steps[output]
            if output.partition(".")[0] in {one.partition(".")[0] for one in self._steps}:
                self.lost.append(inner)
            return None
        match = _CONTEXT.fullmatch(inner)
        if match is None:
            self.lost += [
                inner
                for one in _STEPS.findall(inner)
                if any(known.startswith(f"{one}.") for known in self._steps)
            ]
            return None
        table: Mapping[str, Any] = {"env": self._env, "matrix": self._matrix, "github": self._facts}.get(
            match[1], {}
        )
        found = table.get(match[2])
        if not isinstance(found, str) or depth > _DEEPEST:
            return None
        try:
            return self._filled(found, lambda _: _refuse(), depth + 1)
        except Unresolved:
            return None

    def _variable(self, inner: str) -> str:
        match = _CONTEXT.fullmatch(inner)
        if match is not None and match[1] == "github" and match[2] in _RUNNER:
            return f"GITHUB_{match[2].upper()}"
        if match is not None and match[1] == "env":
            return match[2]  # a job's variables reach every step
        name = re.sub(r"\W", "_", match[2]).upper() if match is not None else ""
        # With a prefix, no expression sets a variable that programs read, such as PATH.
        names = [f"VALUE_{name}"] if name else []
        names += [f"VALUE_{number}" for number in range(1, len(self.variables) + 2)]
        name = next(one for one in names if self.variables.get(one, inner) == inner)
        self.variables[name] = inner
        return name

    def secret_names(self) -> tuple[str, ...]:
        """The collected variables that hold secrets or are called so, which no image's name may hold."""
        return tuple(
            name
            for name, inner in self.variables.items()
            if looks_secret(name) or inner.startswith("secrets.")
        )


def _refuse() -> str:
    raise Unresolved


def _output(inner: str) -> str | None:
    """`meta.version` for `steps.meta.outputs.version`, and for the version in `fromJSON(steps.meta.outputs.json)`."""
    match = re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", inner)
    if match is not None:
        return f"{match[1]}.{match[2]}"
    label = re.fullmatch(
        r"fromJSON\(\s*steps\.([\w-]+)\.outputs\.json\s*\)\.labels\['org\.opencontainers\.image\.(\w+)'\]",
        inner,
    )
    return f"{label[1]}.label-{label[2]}" if label is not None else None
