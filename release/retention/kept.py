"""Counts the tags that stay, by the rule or the reason that keeps them. Pure."""

from __future__ import annotations

from collections import Counter

from release.retention.decision import Decision
from release.retention.tags import TagVerdict
from release.retention.times import UNKNOWN_AGE

# How reasons begin -> what is counted: the rest of a reason names one image, one age or one source.
_REASONS = {
    UNKNOWN_AGE: "of unknown age",
    "in use: ": "in use",
    "what it holds is not known": "not readable",
    "it could not be read": "not readable",
    "younger than `grace`": "younger than `grace`",
    "belongs to ": "part of an image that stays",
    "`": "on one image with a tag that stays",
    "it is a moving tag": "moving tag",
}


def kept_tags(decision: Decision) -> dict[str, int]:
    """Reason -> number of ordinary tags that stay for it, most frequent first."""
    removed = {one.tag for one in decision.untags}
    found: Counter[str] = Counter()
    for name, verdict in decision.tags.items():
        if name in removed:
            continue
        if verdict.verdict == "keep":
            found[_of_tag(verdict)] += 1
        elif (kept := decision.kept.get(verdict.digest)) is not None:
            found[_short(kept.reason)] += 1
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _of_tag(verdict: TagVerdict) -> str:
    if not verdict.rule:
        return _short(verdict.reason)
    if verdict.reason.startswith(UNKNOWN_AGE):
        return _REASONS[UNKNOWN_AGE]
    waits = verdict.rule.startswith("delete[")
    return f"not old enough for {verdict.rule}" if waits else verdict.rule


def _short(reason: str) -> str:
    return next((short for begin, short in _REASONS.items() if reason.startswith(begin)), reason)
