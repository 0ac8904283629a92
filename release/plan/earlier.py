"""Reads a plan file of `preview -o` or `prune -o`, and checks its hash and its members. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from release.canonical_json import digest_of
from release.decoding import convert
from release.errors import ConfigError, StalePlan
from release.json_text import parse_json
from release.plan.model import PLAN_SCHEMA


class _Tag(msgspec.Struct):
    name: str


class _Decision(msgspec.Struct):
    commit: str
    tags: tuple[_Tag, ...] = ()
    withheld: tuple[_Tag, ...] = ()


class _Release(msgspec.Struct):
    component: str
    key: str
    inputs: dict[str, Any]
    decision: _Decision


class _Request(msgspec.Struct):
    version: str | None = None
    reason: str | None = None
    allow_backward: bool = False
    rebuild_of: str | None = None


class _Plan(msgspec.Struct):
    """The members of a plan file that `run --plan` reads; other members are covered by the hash only."""

    releases: tuple[_Release, ...]
    basis: dict[str, str]
    request: _Request


def read_plan(raw: bytes, source: str, *, written_by: str = "preview -o") -> dict[str, Any]:
    """The plan in a plan file, as plain values. `source`: the file's name in messages; `written_by`: the command.

    Raises `ConfigError` if the file is not a plan file, `StalePlan` if it was changed after it was written.
    """
    hint = f"write it with `{written_by}`"
    value = parse_json(raw, source, hint=hint)
    if not isinstance(value, dict) or value.get("schema") != PLAN_SCHEMA:
        raise ConfigError(f"`{source}` is not a plan of schema `{PLAN_SCHEMA}`", hint=hint)
    plan: Any = value.get("plan")
    if value.get("hash") != _digest(plan):
        raise StalePlan(
            f"plan `{source}` was changed after it was written", hint=f"write a new one with `{written_by}`"
        )
    try:
        convert(plan, _Plan)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"`{source}` is not a plan of schema `{PLAN_SCHEMA}`: {error}", hint=hint
        ) from error
    return plan  # type: ignore[no-any-return]  # a mapping, since `convert` accepted it


def _digest(plan: Any) -> str | None:
    try:
        return digest_of(PLAN_SCHEMA, plan, any_keys=True)
    except ValueError:
        return (
            None  # a value that shipmark never writes into a plan: null, a fraction, an integer from 2^53 on
        )
