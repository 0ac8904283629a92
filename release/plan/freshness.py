"""Compares an earlier plan with a new one, to decide whether `run --plan` may execute it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release.plan.model import Plan, plain


def moved_since(earlier: Mapping[str, Any], now: Plan, own: frozenset[str]) -> tuple[str, ...]:
    """The changes since the plan `earlier` (as plain values) was made, one sentence each; () without a change.

    `own`: digests of images that earlier attempts of the same release pushed. A tag that holds one of these digests now
    does not count as changed.
    """
    before = {release["component"]: release for release in earlier["releases"]}
    after = {release["component"]: release for release in plain(now)["releases"]}
    moved = [
        f"component `{name}` is planned {'no longer' if name in before else 'only now'}"
        for name in sorted(before.keys() ^ after.keys())
    ]
    for name in sorted(before.keys() & after.keys()):
        moved += _release_moved(name, before[name], after[name])
    return (*moved, *_basis_moved(earlier["basis"], now.basis, own))


def _release_moved(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    if before["key"] != after["key"]:
        return [f"`{name}` is another release now: commit {after['decision']['commit']}"]
    moved = [
        f"input `{field}` of `{name}` changed"
        for field in sorted(before["inputs"].keys() | after["inputs"].keys())
        if before["inputs"].get(field) != after["inputs"].get(field)
    ]
    for kind in ("tags", "withheld"):
        then, here = _names(before, kind), _names(after, kind)
        if then != here:
            changed = ", ".join(f"`{tag}`" for tag in sorted(then ^ here))
            moved.append(f"the decision about {changed} of `{name}` changed")
    return moved


def _names(release: Mapping[str, Any], kind: str) -> set[str]:
    return {tag["name"] for tag in release["decision"].get(kind, ())}


def _basis_moved(before: Mapping[str, str], after: Mapping[str, str], own: frozenset[str]) -> list[str]:
    moved = []
    for subject in sorted(before.keys() | after.keys()):
        then, here = before.get(subject, "not asked"), after.get(subject, "not asked")
        if then != here and here not in own:
            moved.append(f"`{subject}` was {then} and is {here}")
    return moved
