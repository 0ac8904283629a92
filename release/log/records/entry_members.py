"""Reads the members of log entries for the state of a log; a member of an unexpected type counts as absent. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.decoding import convert
from release.lazy_pattern import pattern
from release.log.records.members import Fields, dicts_of, number_of, object_of, text_of
from release.log.records.parts import Digest, PlannedTarget, RecordedContext, RecordedImage
from release.log.state import BuiltPart

#: Kinds of records that say what tags hold.
SETS_TAGS = frozenset({"pushed", "moved", "promoted", "pruned", "unpruned"})
#: Kinds of records that end an attempt, never a release.
ENDS = frozenset({"failed", "cancelled", "abandoned"})
_REBUILD = pattern(r"_r([1-9]\d{0,8})$")


class PlanMembers(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The members of a `planned` entry that the state needs."""

    version: str = ""
    rebuild: int = 0
    commit: str = ""
    channel: str = ""
    git_tag: str = ""
    inputs: Fields = {}
    inputs_label: str = ""
    image_version: str = ""
    source: Fields = {}
    targets: tuple[PlannedTarget, ...] = ()


class _Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The members of a `built-platform` entry that the state needs."""

    platform: str
    digest: Digest
    index: str = ""
    attestations: tuple[str, ...] = ()
    builder: str = ""
    context: RecordedContext | None = None


class CommonMembers(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Members that any entry of a release may have."""

    seq: int
    at: str
    project: str
    commit: str
    digest: str
    version: str
    rebuild: int
    via: str
    component: str = ""


def plan_of(fields: Fields) -> PlanMembers:
    """The members of a `planned` entry."""
    return PlanMembers(
        version=text_of(fields, "version"),
        rebuild=number_of(fields, "rebuild", 0),
        commit=commit_of(fields),
        channel=text_of(fields, "channel"),
        git_tag=text_of(fields, "git_tag"),
        inputs=object_of(fields, "inputs"),
        inputs_label=text_of(fields, "inputs_label"),
        image_version=text_of(fields, "image_version"),
        source=object_of(fields, "source"),
        targets=_planned_targets(fields),
    )


def common_of(fields: Fields) -> CommonMembers:
    """The members that any entry of a release may have."""
    return CommonMembers(
        seq=number_of(fields, "seq"),
        at=text_of(fields, "at"),
        project=text_of(fields, "project"),
        commit=commit_of(fields),
        digest=digest_of(fields),
        version=text_of(fields, "version"),
        rebuild=number_of(fields, "rebuild", 0),
        via=text_of(fields, "via"),
        component=text_of(fields, "component"),
    )


def _planned_targets(plan: Fields) -> tuple[PlannedTarget, ...]:
    try:
        return convert(plan.get("targets", ()), tuple[PlannedTarget, ...])
    except msgspec.ValidationError:
        return ()


def image_of(fields: Fields) -> RecordedImage | None:
    """The image of an entry; None if the entry has no image, or its member `image` has an unexpected shape."""
    try:
        return convert(fields.get("image"), RecordedImage)
    except msgspec.ValidationError:
        return None


def part_of(fields: Fields) -> BuiltPart | None:
    """One platform's image in a `built-platform` entry; None if a member is missing or has another shape."""
    try:
        said = convert(fields, _Part)
    except msgspec.ValidationError:
        return None
    return BuiltPart(
        platform=said.platform,
        digest=said.digest,
        attested=bool(said.attestations),
        index=said.index,
        builder=said.builder,
        context=said.context,
    )


def without_rebuild(version: str) -> str:
    """`version` without the suffix of a rebuild: `1.4.2` for `1.4.2_r1`."""
    return _REBUILD.sub("", version) if "_r" in version else version


def rebuild_of(version: str) -> int:
    """The number n of `1.4.2_rn`; 0 for another version."""
    match = _REBUILD.search(version) if "_r" in version else None
    return int(match[1]) if match else 0


def commit_of(fields: Fields) -> str:
    """The commit of an entry: its own member, or that of its source."""
    return text_of(fields, "commit") or text_of(object_of(fields, "source"), "commit")


def digest_of(fields: Fields) -> str:
    """The digest of the entry's image, or `""`."""
    return text_of(object_of(fields, "image"), "digest")


def tags_set(fields: Fields) -> Iterator[tuple[str, str, str]]:
    """(target, tag, digest) for each tag that the entry records as set; digest `""`: the tag was removed."""
    kind = text_of(fields, "kind")
    if kind not in SETS_TAGS:
        return
    target = text_of(fields, "to" if kind == "promoted" else "target")
    for tag in dicts_of(fields, "tags"):
        digest = text_of(tag, "digest")
        if kind == "pruned":
            yield target, text_of(tag, "name"), ""
        elif digest and text_of(tag, "result") != "withheld":
            yield target, text_of(tag, "name"), digest
