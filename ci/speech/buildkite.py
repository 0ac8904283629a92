"""Buildkite's log groups. Source: buildkite.com/docs, "Managing log output". A group ends where the next begins."""

from __future__ import annotations

from ci.escape import escape_foreign
from ci.speech.plain import annotation, end_group, mask

__all__ = ["annotation", "end_group", "group", "mask"]


def group(title: str, *, at: int = 0) -> str:  # noqa: ARG001  (the Protocol's signature)
    """Return `--- title`."""
    return f"--- {escape_foreign(title)}"
