"""Sizes and speeds as people read them."""

from __future__ import annotations


def size_text(count: float) -> str:
    """`812 B`, `1.4 kB`, `63.2 MB`: decimal units, as registries show them."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"
