"""Decides whether a run is trusted: whether only people with write access can have written its workspace. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from ci.context import CiContext
from ci.systems.other import unread

_REQUESTS = ("pull-request", "pull-request-target")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one run, with its reason in words.

    `trusted`: pushes, tags, schedules, manual runs, laptops, pull requests from branches of the repository itself.
    `foreign`: the commit comes from another repository. `untold`: the CI system does not say from which repository the
    commit of a pull request, or of an event, comes. Foreign and untold runs are treated alike.
    """

    verdict: Literal["trusted", "foreign", "untold"]
    reason: str

    @property
    def trusted(self) -> bool:
        """Whether the run may use the whole configuration and credentials, and may release."""
        return self.verdict == "trusted"


def judge(ci: CiContext) -> Trust:
    """Judge a run by what its CI system says of the commit's origin, which an outsider's pull request cannot change."""
    if ci.head_origin is None:
        what = "no CI system was detected" if ci.system == "none" else f"the event is `{ci.event}`"
        return Trust(verdict="trusted", reason=f"{what}, and no other repository is named")
    variable = next((one.variable for one in ci.concluded if one.field == "head_origin"), ci.system)
    subject = _subject(ci)
    if ci.head_origin == "own":
        return Trust(
            verdict="trusted", reason=f"{subject} comes from this repository, according to `{variable}`"
        )
    if ci.head_origin == "foreign":
        return Trust(
            verdict="foreign", reason=f"{subject} comes from another repository, according to `{variable}`"
        )
    if ci.system == "other" and ci.event not in _REQUESTS:
        return Trust(verdict="untold", reason=unread(ci.name, variable))
    return Trust(
        verdict="untold",
        reason=f"{ci.system} does not say which repository {subject} comes from (see `{variable}`)",
    )


def _subject(ci: CiContext) -> str:
    if ci.pull_request is not None:
        return f"pull request {ci.pull_request.number}"
    if ci.event in _REQUESTS:
        return "the pull request"
    return f"the commit behind `{ci.event_name or ci.event}`"
