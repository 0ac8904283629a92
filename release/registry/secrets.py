"""Keeps credentials out of text that a registry wrote: it may well repeat what it was sent."""

from __future__ import annotations

import base64
import threading
from urllib.parse import quote, quote_plus

_SHORTEST = 4  # replacing shorter ones would garble ordinary words


class Secrets:
    """Every secret that was used in this run, in the spellings in which it travels. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: frozenset[str] = frozenset()

    def add(self, *texts: str) -> None:
        """Know these secrets, plain, as base64 and as part of a URL."""
        spellings = {spelling for text in texts for spelling in _spell(text)}
        with self._lock:
            self._spellings |= spellings

    def scrub(self, text: str) -> str:
        """`text` with every known secret replaced by `***`, and without control characters."""
        # Longest first: one secret may be part of another.
        for spelling in sorted(self._spellings, key=len, reverse=True):
            text = text.replace(spelling, "***")
        return "".join(character if character.isprintable() else " " for character in text)


def _spell(text: str) -> set[str]:
    if len(text) < _SHORTEST:
        return set()
    raw = text.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {
        text,
        *encoded,
        *(spelling.rstrip("=") for spelling in encoded),
        quote(text, safe=""),
        quote(text),
        quote_plus(text),
    }
