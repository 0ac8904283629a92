"""Seals facts: makes each one the line of a log that follows the line before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from release.errors import LogError
from release.log import LINE_LIMIT, SCHEMA, Entry, Head
from release.log.chain import DOMAIN, head_of
from release.log.identity import fact_id, require_writable

_ENCODER = msgspec.json.Encoder(order="sorted")


def seal(fact: dict[str, Any], head: Head, at: str, batch: tuple[int, int] | None = None) -> bytes:
    """Return the line, without newline, that stores `fact` as the entry after `head`.

    `at`: a `timestamp`. `batch`: first and last `seq` of the append that this line is part of; a reader takes all of
    these lines or none. Raises `LogError` for a fact without a canonical form, or whose line exceeds `LINE_LIMIT`.
    """
    require_writable(fact)
    # Only the log sets `hash` and `batch`. Drop those of a fact that was copied from a stored entry.
    rest = {name: value for name, value in fact.items() if name not in ("hash", "batch")}
    return _sealed(rest, head, at, batch, fact_id(fact)).raw


def seal_all(facts: Mapping[str, dict[str, Any]], head: Head, at: str) -> list[Entry]:
    """Return the entries that store `facts` (id -> fact) after `head`; two or more are marked as one batch.

    `facts`: as `checked` returns them. Raises `LogError` for a fact whose line exceeds `LINE_LIMIT`.
    """
    batch = (head.seq + 1, head.seq + len(facts)) if len(facts) > 1 else None
    entries = []
    for identity, fact in facts.items():
        entries.append(_sealed(fact, head, at, batch, identity))
        head = head_of(entries[-1])
    return entries


def _sealed(fact: dict[str, Any], head: Head, at: str, batch: tuple[int, int] | None, identity: str) -> Entry:
    fields = {
        **fact,
        "schema": SCHEMA,
        "seq": head.seq + 1,
        "prev": head.hash,
        "id": identity,
        "at": at,
    }
    if batch is not None:
        fields["batch"] = {"first": batch[0], "last": batch[1]}
    fields["hash"] = hashlib.sha256(DOMAIN + _ENCODER.encode(fields)).hexdigest()
    raw = _ENCODER.encode(fields)
    if len(raw) > LINE_LIMIT:
        raise LogError(
            f"record `{fact.get('kind', '')}` is {len(raw)} bytes long, at most {LINE_LIMIT} fit",
            hint="shorten what is long in it, such as the text of `--reason`, or a label",
        )
    return Entry(raw=raw, fields=fields)
