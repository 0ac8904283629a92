"""The combinations of a job's matrix, as far as the inputs of its steps use them. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.workflows.model import Job
from release.lazy_pattern import pattern

#: Keys that people call such a thing by; the first of them that names each combination names the components.
_LIKELY = ("component", "service", "name", "app", "project", "variant", "target", "image")
_NAME = pattern(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_USED = pattern(r"\bmatrix\.([A-Za-z_][\w-]*)", re.ASCII)
# Combinations that become components; more are no list that a person keeps in a file.
_MOST = 64


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """`combinations`: values of the used keys. `key`: the one with another value in each; empty without a matrix."""

    combinations: tuple[Mapping[str, str], ...] = ({},)
    key: str = ""


def matrix_of(job: Job, texts: Iterable[str]) -> Matrix:
    """The combinations that `texts` can see. Raises `CannotConvert` for a matrix that is known only at run time."""
    used = list(dict.fromkeys(name for text in texts for name in _USED.findall(text)))
    if not used:
        return Matrix()
    strategy = job.value.get("strategy")
    given = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    if not isinstance(given, Mapping):
        raise CannotConvert(job.line, "the matrix is known only when the job runs")
    found = _combinations(given, job)
    if any(not isinstance(one.get(name), str) for one in found for name in used):
        raise CannotConvert(job.line, f"`matrix.{used[0]}` has no value in some combination")
    # Combinations that differ only in keys that the steps do not use build one thing.
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in found:
        groups.setdefault(tuple(one[name] for name in used), []).append(one)
    keys = [name for name in (found[0] if found else {}) if _names_each(name, [*groups.values()])]
    if not keys or len(groups) > _MOST:
        raise CannotConvert(job.line, "no key of the matrix names each combination")
    key = min(keys, key=lambda name: _LIKELY.index(name) if name in _LIKELY else len(_LIKELY))
    combinations = [{name: group[0][name] for name in {*used, key}} for group in groups.values()]
    return Matrix(combinations=tuple(combinations), key=key)


def _names_each(name: str, groups: list[list[dict[str, Any]]]) -> bool:
    """Whether the key has one value in each group, another one in every other, and all can name a component."""
    values = [{str(one.get(name, "")) for one in group} for group in groups]
    texts = [next(iter(one)) for one in values if len(one) == 1]
    return len(texts) == len(set(texts)) == len(groups) and all(_NAME.fullmatch(text) for text in texts)


def _combinations(given: Mapping[str, Any], job: Job) -> list[dict[str, Any]]:
    axes = {name: value for name, value in given.items() if name not in {"include", "exclude"}}
    if any(not isinstance(value, list) for value in axes.values()) or "exclude" in given:
        raise CannotConvert(job.line, "the matrix is known only when the job runs, or excludes combinations")
    found = (
        [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    )
    include = given.get("include", [])
    if not isinstance(include, list) or not all(isinstance(one, Mapping) for one in include):
        raise CannotConvert(job.line, "the matrix is known only when the job runs")
    # An entry of `include` extends the combinations whose axes it does not contradict, or else is one of its own.
    alone: list[dict[str, Any]] = []
    for entry in include:
        matching = [one for one in found if all(one[name] == entry.get(name, one[name]) for name in axes)]
        if axes and matching:
            for one in matching:
                one.update(entry)
        else:
            alone.append(dict(entry))
    return [*found, *alone]
