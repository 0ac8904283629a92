"""Where what a rollback takes back still stands afterwards: promoted to other places, deployed to environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from release.log import Entry
from release.log.state import LogState
from release.plan.tag_names import fixed_policy
from release.world import Note


def still_standing(
    state: LogState, entries: Iterable[Entry], *, project: str, targets: Iterable[str], yanks: Iterable[str]
) -> list[Note]:
    """One warning for each place and environment that the log knows. `targets`: those that are rolled back."""
    gone, own = frozenset(yanks), frozenset(targets)
    return [*_promoted(state, own, gone), *_deployed(entries, project, gone)]


def _promoted(state: LogState, own: frozenset[str], gone: frozenset[str]) -> list[Note]:
    found: dict[tuple[str, str], list[str]] = {}
    for (target, tag), holds in state.holds.items():
        if target not in own and holds and holds[-1].version in gone and fixed_policy(tag) is None:
            found.setdefault((target, holds[-1].version), []).append(tag)
    return [
        Note(
            level="warning",
            text=f"`{target}` still has {version} under {', '.join(f'`{tag}`' for tag in sorted(tags))}",
            hint=f"`shipmark promote` the version that is left `--to {target}`",
        )
        for (target, version), tags in found.items()
    ]


def _deployed(entries: Iterable[Entry], project: str, gone: frozenset[str]) -> list[Note]:
    last: dict[str, Mapping[str, object]] = {}
    for entry in entries:
        if entry.kind == "deployed" and entry.fields.get("project") == project:
            last[str(entry.fields.get("environment", ""))] = entry.fields
    return [
        Note(level="warning", text=f"environment `{name}` runs {fields['version']}, as far as the log knows")
        for name, fields in last.items()
        if fields.get("version") in gone
    ]
