"""The release key and the release's name in it: both are equal in every clone. Pure."""

from __future__ import annotations

from release.canonical_json import digest_of
from release.errors import RefusedError
from release.tagging.model import Decision, FixedTag

KEY_SCHEMA = "shipmark.key/1"


def release_key(project: str, commit: str, tag: str) -> str:
    """The release key: 64 hex digits, a hash of project, commit and `tag`, equal in every clone.

    `tag`: the primary fixed tag, or another name of the release, as `name_of` gives it.
    """
    return digest_of(KEY_SCHEMA, {"project": project, "commit": commit, "tag": tag})


def name_of(decision: Decision) -> str:
    """The name of the release, which its release key holds: its primary tag, the first fixed one.

    Without a fixed tag, the sorted names of all its tags, withheld ones included: the guard withholds a tag in one run
    and not in the next, and the name has to stay. Raises `RefusedError` when nothing is to be released.
    """
    if not decision.tags:
        raise RefusedError(
            f"component `{decision.component}` has no tag, so nothing names its release",
            hint=f"`shipmark tags --format json --component {decision.component}` shows what withholds its tags",
        )
    for tag in decision.tags:
        if isinstance(tag, FixedTag):
            return tag.name
    rebuild = decision.candidate.rebuild if decision.candidate is not None else 0
    names = sorted({tag.name for tag in decision.tags} | {one.name for one in decision.withheld})
    return ",".join(names) + (f"_r{rebuild}" if rebuild else "")
