"""Answers about tags from the fold of all entries, with which the answers of a log's index are compared."""

from __future__ import annotations

from release.log.questions import TagHistory, TagThen
from release.log.state import LogState


def history(state: LogState, tag: str) -> tuple[TagHistory, ...]:
    """The digests that `tag` (`latest`, or `ghcr.io/acme/app:latest`) held, for each target that ever had the tag."""
    return tuple(
        TagHistory(target=target, tag=name, holds=holds)
        for (target, name), holds in state.holds.items()
        if tag in (name, f"{target}:{name}")
    )


def at(state: LogState, tag: str, time: str) -> tuple[TagThen, ...]:
    """The digest that `tag` held at `time` (see `moment`), for each target where it held one, in the log's order."""
    found = []
    for one in history(state, tag):
        earlier = [number for number, hold in enumerate(one.holds) if hold.at <= time]
        if not earlier or not one.holds[earlier[-1]].digest:
            continue
        later = one.holds[earlier[-1] + 1 :]
        hold = one.holds[earlier[-1]]
        found.append(TagThen(target=one.target, tag=one.tag, hold=hold, until=later[0].at if later else None))
    return tuple(found)
