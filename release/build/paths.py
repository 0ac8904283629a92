"""Paths of a context, an archive or an image, relative to their root. Pure."""

from __future__ import annotations

import posixpath


def below_root(path: str) -> str | None:
    """`path` relative to the root, without `.`, `..` and doubled slashes; "" for the root, None if it leads out."""
    cleaned = posixpath.normpath(path.lstrip("/") or ".")
    if cleaned == ".." or cleaned.startswith("../"):
        return None
    return "" if cleaned == "." else cleaned


def rooted(path: str) -> str:
    """`path` relative to the root, where `..` of the root is the root, as for BuildKit; "" for the root."""
    return posixpath.normpath(f"/{path}").lstrip("/")
