"""The request and the report of `log verify`."""

from __future__ import annotations

from typing import Literal

import msgspec

from release.log.torn import Torn

Finding = Literal[
    "same", "moved", "deleted", "differs", "restored", "incomplete", "damaged", "unknown", "unrecorded"
]


class TagFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded tag and what was found.

    `finding`: `differs` if the tag holds the recorded digest but the image's labels contradict the log; `restored` if
    blobs of the image were missing and were put back, `incomplete` if they are still missing, `damaged` if the registry
    keeps a blob of another size; `unrecorded` for a version tag of the registry that the log does not have.
    """

    target: str
    tag: str
    finding: Finding
    detail: str


CopyFinding = Literal["same", "behind", "ahead", "differs", "corrupt", "unknown"]


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of the log in another store of the configuration, and how it compares with the log.

    `finding`: `behind` if the copy lacks the last entries, `ahead` if it has entries that the log has lost, `differs`
    if it is another log, `unknown` if it cannot be read. `head`: `seq:hash` of its last entry, or empty.
    """

    log: str
    finding: CopyFinding
    entries: int = 0
    head: str = ""
    detail: str = ""
    hint: str = ""
    torn: tuple[Torn, ...] = ()


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`registry`: compare every recorded tag, and its image's labels, with what the registry serves.

    `blobs`: with `registry`, also look for each blob of these images, and put missing ones back from any other place
    that has them. `anchor`: `N:HASH`, a head that an earlier run printed as `log-entry`; None: that of
    `SHIPMARK_LOG_ANCHOR`, if any.
    """

    registry: bool = False
    blobs: bool = False
    anchor: str | None = None


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`log`: the store's name. `head`: `seq:hash` of the last entry, or empty. `tags`: only with `registry`.

    `torn`: appends that a crash tore, put aside or still at the log's end. `anchor`: the head that the log was found
    to have, or empty. `copies`: the other stores of `log:`, in their order.
    """

    schema: Literal["shipmark.log-verify/1"] = "shipmark.log-verify/1"
    log: str
    entries: int
    head: str
    tags: tuple[TagFinding, ...]
    torn: tuple[Torn, ...] = ()
    anchor: str = ""
    copies: tuple[CopyReport, ...] = ()
