"""The order that JavaScript's `localeCompare` gives to label names.

Source: the root collation of the Unicode CLDR, for ASCII and for letters with accents; the rest follows by code point.
"""

from __future__ import annotations

import unicodedata

# ASCII in the order of CLDR's root collation: punctuation, symbols, digits, letters.
_ORDER = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"
_RANK = {character: rank for rank, character in enumerate(_ORDER)}


def collation_key(text: str) -> tuple[tuple[int, ...], str, tuple[bool, ...], str]:
    """A key that sorts by letters, then accents, then lower case before upper case."""
    letters = [one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one)]
    accents = "".join(one for one in unicodedata.normalize("NFD", text) if unicodedata.combining(one))
    ranks = tuple(_RANK.get(one.lower(), len(_ORDER) + ord(one.lower()[0])) for one in letters)
    return ranks, accents, tuple(one.isupper() for one in letters), text
