"""Compares a log with an anchor: a head of the log (position and hash) that was stored outside the log. Pure.

A log alone cannot show that its tail was cut off. CI outputs and job summaries name the head as `log-entry`.
"""

from __future__ import annotations

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.log import Entry, Head

_ANCHOR = pattern(r"(\d{1,15}):([0-9a-f]{64})")


def parse_anchor(text: str, *, given: str) -> Head:
    """The position and hash in `text`, written `N:HASH`. `given`: the option or variable, for the error.

    Raises `ConfigError`.
    """
    match = _ANCHOR.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"`{given}` is not the head of a log: `{text[:90]}`",
            hint="write `N:HASH`, position and whole hash, as in the CI output `log-entry`",
        )
    return Head(seq=int(match[1]), hash=match[2])


def anchor_text(head: Head) -> str:
    """`head`, written `N:HASH`; `""` for an empty log."""
    return f"{head.seq}:{head.hash}" if head.seq >= 0 else ""


def newest(*anchors: str) -> str:
    """The anchor of the highest position; `""`, the anchor of an empty log, if no other is given."""
    # The position is compared as a number: as text, `9:…` is higher than `10:…`.
    return max(anchors, key=lambda text: int(text.partition(":")[0] or -1), default="")


def contradiction(anchor: Head, entry: Entry | None, entries: int) -> str | None:
    """How a log contradicts `anchor`, as the end of a sentence that begins with the log's name; None if it does not.

    `entry`: the log's entry at the anchor's position; None if the log has none there. `entries`: the number of entries
    in the log.
    """
    if entry is None and not entries:
        return f"is empty, and had {anchor.seq + 1} entries or more"
    if entry is None:
        lost = anchor.seq + 1 - entries
        return f"ends with entry {entries - 1}: {lost} {'entry' if lost == 1 else 'entries'} or more were cut off"
    found = str(entry.fields["hash"])
    if found != anchor.hash:
        return f"has another entry {anchor.seq}: its hash is {found[:12]}…, and it was {anchor.hash[:12]}…"
    return None
