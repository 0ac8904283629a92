"""The records of `shipmark.log/1`: what each kind holds, as types.

A fact is a plain dict that a writer hands over; the log adds `schema`, `seq`, `prev`, `hash`, `id` and `at`. The types
serve reading and the JSON Schema that is shipped. Fields and kinds without a type stay in the log, and readers skip
them. Durations are milliseconds, sizes bytes, times RFC 3339 UTC with milliseconds.
"""

from __future__ import annotations

import msgspec

from release.log.records.attempt_kinds import (
    Abandoned,
    Built,
    BuiltPlatform,
    Cancelled,
    Failed,
    Moved,
    Planned,
    Pushed,
    Record,
    Released,
)
from release.log.records.parts import Digest, Natural, RecordedImage, RecordedTag


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
