"""The members of every record of `shipmark.log/1`, and the records of attempts at releases, as types.

Durations are milliseconds, sizes bytes, times RFC 3339 UTC with milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from release.log.records.parts import (
    CiRunOf,
    Commit,
    Digest,
    Hex32,
    Hex64,
    Natural,
    PlannedTarget,
    RecordedCheck,
    RecordedContext,
    RecordedError,
    RecordedImage,
    RecordedTag,
    Source,
    Timestamp,
)


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """The members of every record. `attempt`: the id of one run of shipmark. `seq` is the order, never `at`.

    `evidence`: of what was found in a registry and recorded later, as by `log adopt` and `log rebuild`; of an attempt
    that another process ended; of what runs in an environment.
    """

    schema: Literal["shipmark.log/1"]
    seq: Natural
    prev: Hex64
    hash: Hex64
    id: Hex32
    at: Timestamp
    project: str
    release: Hex64 = ""
    component: str = ""
    commit: Commit = ""
    attempt: str = ""
    source: Source | None = None
    ci: CiRunOf | None = None
    actor: str = ""
    tools: dict[str, str] = {}
    evidence: str = ""


class OfAttempt(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A record of one attempt at one release."""

    release: Hex64
    attempt: Annotated[str, Meta(min_length=1)]


class Planned(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="planned"):
    """An attempt begins; written before the build. `lease_ms`: the time that the attempt may take, a hint and no lock.

    `inputs_label`: the value of the image's label `dev.shipmark.inputs`, even where the image lacks it. `image_inputs`:
    `unlabelled` if an existing image without that label was used. `image_version`: the version of an existing image
    that was used although it was built under another version, as a branch build of the commit. `release_tag`,
    `rebuild_of`, `allow_backward`, `as_commit`, `from`, `reason`: the options of the run.
    """

    version: str = ""
    rebuild: Natural = 0  # n of `_rn` for a released version built again
    channel: str = ""
    git_tag: str = ""
    inputs: dict[str, Any] = {}
    inputs_label: str = ""
    image_inputs: str = ""
    image_version: str = ""
    targets: tuple[PlannedTarget, ...] = ()
    plan: str = ""
    resumes: str = ""  # the id of the attempt that this attempt continues
    lease_ms: Natural = 0
    places: tuple[str, ...] = msgspec.field(
        default=(), name="from"
    )  # where another tool or runner left the image
    release_tag: str = ""
    rebuild_of: str = ""  # empty also for the version at HEAD
    allow_backward: bool = False
    as_commit: bool = False
    reason: str = ""


class Built(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="built"):
    """The image exists. `via`: `build`, `adopt`, `reuse`, `resume`, `from`, `archive` or `rebuilt`.

    `context`: of a build by shipmark. `as_commit`: the image was taken although its labels do not name the commit.
    """

    image: RecordedImage
    context: RecordedContext | None = None
    via: str = ""
    as_commit: bool = False
    checks: tuple[RecordedCheck, ...] = ()
    builder: str = ""
    duration_ms: Natural = 0


class BuiltPlatform(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="built-platform"):
    """The image of one platform of several exists. Version 0.1.0 skips this kind.

    `attestations`: digests of the manifests that are about the image. `via`, `builder`, `context`: as in `built`.
    `index`: the digest of the index with this image, if the builder made it.
    """

    platform: str
    digest: Digest
    index: str = ""
    attestations: tuple[Digest, ...] = ()
    context: RecordedContext | None = None
    via: str = ""
    builder: str = ""
    duration_ms: Natural = 0


class Pushed(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="pushed"):
    """A target holds the image and its fixed tags, which was checked by reading them back."""

    target: str
    image: RecordedImage
    tags: tuple[RecordedTag, ...] = ()
    duration_ms: Natural = 0


class Released(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="released"):
    """Every required target holds the fixed tags: the version exists from this record on."""

    image: RecordedImage
    version: str = ""
    rebuild: Natural = 0
    via: str = ""


class Moved(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="moved"):
    """The result for the moving tags of one target.

    `follows`: `seq` of the entry that set these tags before; gives a tag that moves forth, back and forth again three
    different ids. `reason`: why a rollback was made. `version`: of a release that this log does not have, with its
    rebuild.
    """

    target: str
    tags: tuple[RecordedTag, ...] = ()
    follows: Natural = 0
    reason: str = ""
    version: str = ""


class Failed(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="failed"):
    """The attempt ended with an error."""

    error: RecordedError


class Cancelled(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="cancelled"):
    """The attempt ended by a signal: `SIGINT`, `SIGTERM`."""

    signal: str = ""


class Abandoned(OfAttempt, frozen=True, kw_only=True, omit_defaults=True, tag="abandoned"):
    """The attempt was ended by another process, with evidence.

    `lost`: the digest of an image whose bytes are lost and which no fixed tag names; the release may be built again.
    """

    reason: str = ""
    lost: str = ""
