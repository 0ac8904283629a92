"""The records of `shipmark.log/1`: what each kind holds, as types.

A fact is a plain dict that a writer hands over; the log adds `schema`, `seq`, `prev`, `hash`, `id` and `at`. The types
serve reading and the JSON Schema that is shipped. Fields and kinds without a type stay in the log, and readers skip
them. Durations are milliseconds, sizes bytes, times RFC 3339 UTC with milliseconds.
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
    that was used although it was built under another version, as a branch build of the commit.
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
    """

    platform: str
    digest: Digest
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


class Yanked(Record, frozen=True, kw_only=True, omit_defaults=True, tag="yanked"):
    """Versions of the project that no longer count as the highest.

    `number`: of the versions' statuses, see `versions.status`; 0 in records of 0.1.0, whose yanks are never taken back.
    `follows`: `seq` of the last entry about one of the versions' statuses; gives a yank after a restore another id than
    the first yank.
    """

    versions: tuple[str, ...]
    reason: str = ""
    number: Natural = 0
    follows: Natural = 0


class Restored(Record, frozen=True, kw_only=True, omit_defaults=True, tag="restored"):
    """Versions of the project that count again after a yank. Version 0.1.0 skips this kind. Members as in `yanked`."""

    versions: tuple[str, ...]
    reason: str = ""
    number: Natural = 0
    follows: Natural = 0


class VersionStatus(Record, frozen=True, kw_only=True, omit_defaults=True, tag="status"):
    """The status of one version: `prerelease` versions count for no stable line, `stable` takes that back.

    `number`: counts the statuses of the version; the highest decides, and at equal numbers `prerelease`.
    """

    version: str
    number: Natural
    status: str
    reason: str = ""


class Promoted(Record, frozen=True, kw_only=True, omit_defaults=True, tag="promoted"):
    """A digest was copied from the target `from` and got tags on the target `to`, both named as in plans.

    `follows`: `seq` of the entry that set one of these tags before, as in `moved`. `version`: of the image.
    """

    digest: Digest
    to: str
    promoted_from: str = msgspec.field(name="from", default="")
    tags: tuple[RecordedTag, ...] = ()
    version: str = ""
    reason: str = ""
    follows: Natural = 0


class SavedManifest(Record, frozen=True, kw_only=True, omit_defaults=True, tag="saved-manifest"):
    """A manifest of a target, recorded before a prune deletes it. Version 0.1.0 skips this kind.

    `content`: base64 of the manifest's bytes; of part `part` (from 1) of `parts` for a large one. `tags`: the tags that
    go with it. `follows`: `seq` of the last entry `pruned` or `unpruned` about the target, so that a manifest that is
    pruned again is recorded again.
    """

    target: str
    digest: Digest
    media_type: str
    content: str
    part: Natural = 1
    parts: Natural = 1
    tags: tuple[str, ...] = ()
    follows: Natural = 0


class Pruned(Record, frozen=True, kw_only=True, omit_defaults=True, tag="pruned"):
    """Retention removed tags or manifests from a target.

    `tag_deletion`: `refused` if the registry cannot delete a tag without its digest. `trash`: the repository to which
    the manifests were copied before. `follows`: as in `saved-manifest`.
    """

    target: str
    tags: tuple[RecordedTag, ...] = ()
    digests: tuple[str, ...] = ()
    tag_deletion: str = ""
    trash: str = ""
    follows: Natural = 0


class Unpruned(Pruned, frozen=True, kw_only=True, omit_defaults=True, tag="unpruned"):
    """`prune undo` put manifests and tags back. Version 0.1.0 skips this kind. `run`: the attempt that deleted them."""

    run: str = ""


class Deployed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="deployed"):
    """A digest runs in an environment from now on. `follows`: `seq` of the entry for the digest before."""

    environment: str
    image: RecordedImage
    target: str = ""
    version: str = ""
    follows: Natural = 0


class Remark(Record, frozen=True, kw_only=True, omit_defaults=True, tag="note"):
    """A remark that a person wrote."""

    text: str


KINDS: dict[str, type[Record]] = {
    "planned": Planned,
    "built-platform": BuiltPlatform,
    "built": Built,
    "pushed": Pushed,
    "released": Released,
    "moved": Moved,
    "failed": Failed,
    "cancelled": Cancelled,
    "abandoned": Abandoned,
    "yanked": Yanked,
    "restored": Restored,
    "status": VersionStatus,
    "promoted": Promoted,
    "saved-manifest": SavedManifest,
    "pruned": Pruned,
    "unpruned": Unpruned,
    "deployed": Deployed,
    "note": Remark,
}


ENDS = frozenset({"failed", "cancelled", "abandoned"})  # kinds that end an attempt, never a release
