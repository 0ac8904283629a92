"""The hash chain: verifies the stored lines of a log, each against its own hash and the line before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from release.decoding import decoder
from release.errors import LogCorrupt, LogError
from release.hints import UNWRITABLE
from release.log import LINE_LIMIT, SCHEMA, Entry, Head

#: Hashed before every line: the hash of a line never equals a hash of the same bytes for another purpose or schema.
DOMAIN = SCHEMA.encode() + b"\n"
# Copied for each line that is verified: the line need not be copied behind the domain.
_HASH = hashlib.sha256(DOMAIN)
#: Lines that are verified at once. The entries of more lines would not stay in the processor's cache.
GROUP = 64
_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder(order="sorted")


class Malformed(Exception):
    """Raised for bytes that are not a line of a log: torn, zero-filled or not JSON. Users never see this exception."""


def verify_line(raw: bytes, previous: Head) -> Entry:
    """The entry in `raw` (one line without newline), checked against its own hash and its predecessor.

    The hash covers all stored bytes except the member `hash`, including members that only later versions read.
    Raises `LogCorrupt` naming the position, and `LogError` for a log of another schema.
    """
    try:
        entry = read_line(raw)
    except Malformed as error:
        raise LogCorrupt(f"entry {previous.seq + 1} is not a record: {error}") from error
    _require_position(entry.fields["seq"], entry.fields["prev"], previous)
    return entry


def verify_lines(lines: Sequence[bytes], previous: Head) -> list[Entry] | None:
    """The entries in consecutive lines, checked as `verify_line` checks each; None unless all of them are sound.

    One call decodes all lines, and one encodes them, in half the time that a call for each line takes. Only
    `verify_line` tells which line is damaged, and how.
    """
    text = b"\n".join((*lines, b""))
    if len(text) > LINE_LIMIT:
        return None  # one of the lines may be too long
    try:
        records = _DECODER.decode_lines(text)
        # Equal text: each record is one of the lines, in canonical form. See `_decode`.
        if len(records) != len(lines) or _ENCODER.encode_lines(records) != text:
            return None
        return _chained(lines, records, previous)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _chained(lines: Sequence[bytes], records: Sequence[Any], previous: Head) -> list[Entry] | None:
    """The entries in decoded lines; None unless each follows the one before it."""
    seq, prev, entries = previous.seq, previous.hash, []
    for raw, fields in zip(lines, records, strict=True):
        seq += 1
        if type(fields) is not dict:
            return None
        get = fields.get
        # A text of JSON equals a text only, and `seq` may be 1.0 or true. `_hash_of` gives a text, or None.
        number, digest = get("seq"), get("hash")
        if number != seq or type(number) is not int or get("prev") != prev or get("schema") != SCHEMA:
            return None
        if type(digest) is not str or _hash_of(raw, digest) != digest:
            return None
        prev = digest
        entries.append(Entry(raw=raw, fields=fields))
    return entries


def verify_all(lines: Sequence[bytes], previous: Head) -> Iterator[Entry]:
    """Yield the entries in consecutive lines, each checked as `verify_line` checks it. Raises what that raises."""
    head = previous
    for start in range(0, len(lines), GROUP):
        group = lines[start : start + GROUP]
        if entries := verify_lines(group, head):
            yield from entries
            head = head_of(entries[-1])
            continue
        for raw in group:
            entry = verify_line(raw, head)
            head = head_of(entry)
            yield entry


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The members that chain a line to its predecessor, and its id. `batch`: None for a line appended alone."""

    seq: int
    prev: str
    hash: str
    id: str
    batch: dict[str, int] | None = None


_ENVELOPES = decoder(Envelope)


def envelope_of(raw: bytes, previous: Head) -> Envelope:
    """The chaining members of a line that is about to be written, checked against its predecessor.

    The hash is not computed again: `seal` made it from these bytes a moment ago, or the line was read from another log,
    where it was verified. When the line is read, `verify_line` checks everything. Raises `LogError`.
    """
    try:
        envelope = _ENVELOPES.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LogError(f"entry {previous.seq + 1} is not a record: {error}", hint=UNWRITABLE) from error
    _require_position(envelope.seq, envelope.prev, previous)
    return envelope


def read_line(raw: bytes) -> Entry:
    """The entry in `raw`, checked against its own hash only. Raises `Malformed`, `LogCorrupt`, `LogError`."""
    fields = _decode(raw)
    _require_hash(raw, fields["seq"], fields["hash"])
    return Entry(raw=raw, fields=fields)


def stored(raw: bytes) -> Entry:
    """The entry in a line that was verified before; nothing is checked again."""
    return Entry(raw=raw, fields=_DECODER.decode(raw))


def _require_hash(raw: bytes, seq: int, digest: str) -> None:
    found = _hash_of(raw, digest)
    if found is None:
        raise LogCorrupt(f"entry {seq} was changed after it was written: it does not contain its hash")
    if found != digest:
        raise LogCorrupt(
            f"entry {seq} was changed after it was written: its hash does not match its content",
            hint="compare with a copy of the log (`shipmark log verify`); entries are never edited",
        )


def _hash_of(raw: bytes, digest: str) -> str | None:
    """The hash of a line's bytes without the member `hash`, which says `digest`; None if the line has no such member.

    Nested members may be called `hash` too. None of them can hold the hash of the whole line: it would have to contain
    its own digest. For the same reason a line cannot have this member twice.
    """
    # Members are sorted and `schema` follows `hash`, so `hash` is never last and always has a comma behind it.
    before, found, behind = raw.partition(f'"hash":"{digest}",'.encode())
    if not found:
        return None
    hashing = _HASH.copy()
    hashing.update(before)
    hashing.update(behind)
    return hashing.hexdigest()


def require_next(entry: Entry, previous: Head) -> None:
    """Raise `LogCorrupt` unless `entry` directly follows `previous`."""
    _require_position(entry.fields["seq"], entry.fields["prev"], previous)


def _require_position(seq: int, prev: str, previous: Head) -> None:
    expected = previous.seq + 1
    if seq != expected:
        raise LogCorrupt(
            f"entry {expected} is missing or out of place: entry {seq} stands there",
            hint="restore the log from a copy; entries are never removed or reordered",
        )
    if prev != previous.hash:
        raise LogCorrupt(
            f"entry {expected} does not continue the entry before it: `prev` is {prev[:12]}…, "
            f"not {previous.hash[:12]}…",
            hint="restore the log from a copy; two histories were mixed or an entry was replaced",
        )


def head_of(entry: Entry) -> Head:
    """The head of a log that ends with `entry`."""
    return Head(seq=entry.fields["seq"], hash=entry.fields["hash"])


def _decode(raw: bytes) -> dict[str, Any]:
    if len(raw) > LINE_LIMIT:
        raise Malformed(f"{len(raw)} bytes in one line")
    try:
        fields = _DECODER.decode(raw)
        canonical = _ENCODER.encode(fields)  # encoding may recurse deeper than decoding did
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    if type(fields) is not dict or not _is_envelope(fields):
        raise Malformed("`schema`, `seq`, `prev` or `hash` is missing or has a wrong type")
    if fields["schema"] != SCHEMA:
        raise LogError(
            f"entry {fields['seq']} has the schema `{fields['schema']}`, which this shipmark cannot read",
            hint="upgrade shipmark",
        )
    # Bytes that differ from their canonical encoding have duplicate or unsorted members, spaces, or other escapes.
    if canonical != raw:
        raise LogCorrupt(f"entry {fields['seq']} is not in canonical form: it was written or changed by hand")
    return fields


def _is_envelope(fields: dict[str, Any]) -> bool:
    try:
        schema = fields["schema"]
        return (
            type(fields["seq"]) is int
            and type(fields["prev"]) is str
            and type(fields["hash"]) is str
            and (schema == SCHEMA or (type(schema) is str and schema.startswith("shipmark.log/")))
        )
    except KeyError:
        return False
