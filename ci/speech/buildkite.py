"""Buildkite's log groups. Source: buildkite.com/docs, "Managing log output". A group ends where the next begins."""

from __future__ import annotations

from ci.escape import escape_foreign
from ci.speech import LogCommand
from ci.speech.plain import annotation, end_group, mask

__all__ = ["annotation", "end_group", "group", "mask"]


def group(title: str, *, at: int = 0) -> LogCommand:  # noqa: ARG001  (the Protocol's signature)
    """Return `--- title`."""
    return LogCommand(f"--- {escape_foreign(title)}")
