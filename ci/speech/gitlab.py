"""GitLab's collapsible sections. Source: docs.gitlab.com, "Expand and collapse job log sections".

GitLab has no annotations, so they become plain text. GitLab masks variables only by settings: `mask` returns "".
"""

from __future__ import annotations

import re

from ci.escape import escape_foreign
from ci.speech import LogCommand
from ci.speech.plain import annotation, mask

__all__ = ["annotation", "end_group", "group", "mask"]

_OUTSIDE_NAMES = r"[^A-Za-z0-9_.-]+"


def group(title: str, *, at: int = 0) -> LogCommand:
    """Return the opening of a section that is shown collapsed."""
    return LogCommand(
        f"\x1b[0Ksection_start:{at}:{_name(title)}[collapsed=true]\r\x1b[0K{escape_foreign(title)}"
    )


def end_group(title: str, *, at: int = 0) -> LogCommand:
    """Return the end of the section that `title` opened."""
    return LogCommand(f"\x1b[0Ksection_end:{at}:{_name(title)}\r\x1b[0K")


def _name(title: str) -> str:
    # 60 characters: a name only has to be equal in both lines of its section, and is not shown.
    return f"shipmark_{re.sub(_OUTSIDE_NAMES, '_', title).strip('_')[:60]}"
