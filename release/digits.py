"""Reads decimal numbers from untrusted text. Pure."""

from __future__ import annotations


def number_in(text: str, *, most: int) -> int | None:
    """The number that `text` writes in ASCII digits; None for other text and for numbers above `most`.

    Used instead of `int`, which raises `ValueError` for more than 4,300 digits and accepts digits of other scripts.
    """
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0") or "0"
    number = int(digits) if len(digits) <= len(str(most)) else most + 1
    return number if number <= most else None
