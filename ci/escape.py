"""Foreign text made harmless for a CI system's log.

A runner reads its log for commands. GitHub takes a line that starts with `::` after any blanks, and `##[` anywhere in a
line; Azure takes `##vso[` anywhere, TeamCity `##teamcity[`; GitLab's folding needs ESC and CR. Commit subjects, tag
messages and another program's output are somebody else's text, so all of this is broken up, whichever system it is:
one system's log may well pass through another's.

Source: actions/runner `ActionCommand.cs` (`TryParseV2` trims the start, `TryParse` searches), azure-pipelines-agent.
"""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Controls of C0 (but the tab) and C1, line and paragraph separators, marks that reorder or hide text, lone surrogates.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_COMMAND = re.compile(r"##(?=\[|(?:vso|teamcity)\[)", re.IGNORECASE)
_LEADING = re.compile(r"\A(\s*):(?=:)")


def escape_foreign(line: str) -> str:
    """Return `line` as one line that starts no command and moves no cursor; plain text comes back as it is.

    Colours are dropped, other controls are shown (`\\r`, `\\x1b`, `\\u2028`), commands get a blank in their middle.
    Twice gives the same as once.
    """
    text = _UNPRINTABLE.sub(_shown, _COLOUR.sub("", line))
    # Colours go first: what they held apart must not join to a command afterwards.
    text = _COMMAND.sub("## ", text)
    return _LEADING.sub(r"\1: ", text)


def _shown(match: re.Match[str]) -> str:
    named = {"\n": "\\n", "\r": "\\r"}
    letter = match[0]
    code = ord(letter)
    return named.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
