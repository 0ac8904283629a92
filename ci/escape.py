"""Escapes text from others, so that no CI system executes commands that it contains.

CI runners execute commands that they find in the log. Commit subjects, tag messages, labels and the output of other
programs may contain such commands. So each opening in the table is broken up, on every system: one system's log may
be copied into the log of another.

| system | opening | where it counts |
|---|---|---|
| GitHub, Gitea, Forgejo, `act` | `::command::` | start of a line, after blanks |
| GitHub, Gitea, Forgejo, Azure | `##[` | anywhere |
| Azure | `##vso[` | anywhere |
| TeamCity | `##teamcity[` | anywhere |
| GitLab | `ESC[0Ksection_start:…CR` | anywhere; needs ESC and CR |
| Buildkite | `--- `, `+++ `, `~~~ `, `^^^ +++` | start of a line |
| Buildkite, Drone, terminals | `ESC]1338;…`, `ESC_bk;…`, `ESC]0;…` | anywhere; need ESC, or a control of C1 |
| Jenkins | `ESC[8mha:…` | anywhere; needs ESC |
| Travis CI | `travis_fold:`, `travis_time:` | anywhere |
| Spinnaker | `SPINNAKER_PROPERTY_`, `SPINNAKER_CONFIG_JSON=` | start of a line; anywhere |

CircleCI, Woodpecker, Bitbucket and Tekton read no command from a log. GitHub's problem matchers are not covered: any
pattern that an earlier step registered (`file:line: message`) makes an annotation, and nothing else.

Source: actions/runner `ActionCommand.cs` (`TryParseV2` trims the start, `TryParse` searches), azure-pipelines-agent
`CommandHandler`, buildkite-agent `header_times_streamer.go`, docs.gitlab.com "Job logs", Jenkins `ConsoleNote`.
"""

from __future__ import annotations

import re
from functools import cache

# CSI sequences. They are dropped and not shown, because coloured output of builders is frequent and harmless.
_COLOUR = r"\x1b\[[0-?]*[ -/]*[@-~]"
# Controls of C0 (but the tab) and C1, line and paragraph separators, marks that reorder or hide text, lone surrogates,
# the tag characters and variation selectors of plane 14.
_CONTROLS = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"
)
# Each match of the next two patterns ends at the position where a blank is inserted.
_ANYWHERE = r"(?i:##(?=\[|(?:vso|teamcity)\[)|travis_(?:fold|time)(?=:)|SPINNAKER_CONFIG(?=_JSON=))"
_LEADING = r"\A\s*(?::(?=:)|--(?=-(?:\s|\Z))|\+\+(?=\+(?:\s|\Z))|~~(?=~(?:\s|\Z))|\^\^(?=\^\s)|SPINNAKER(?=_PROPERTY_))"


# Compiling the next two takes longer than all other patterns together. `re` may forget what it has compiled, `cache`
# does not.
@cache
def _unprintable() -> re.Pattern[str]:
    return re.compile(rf"[\n{_CONTROLS}]")


@cache
def _in_json() -> re.Pattern[str]:
    """Matches characters that are written as `\\uXXXX` in JSON, which keeps the value of the string."""
    return re.compile(
        rf"[{_CONTROLS}]|(?<=#)#(?=\[|(?:vso|teamcity)\[)|:(?=:)|(?<=travis_fold):|(?<=travis_time):"
        r"|(?<=SPINNAKER)_(?=PROPERTY_|CONFIG_JSON=)",
        re.IGNORECASE,
    )


def escape_foreign(line: str) -> str:
    """Return `line` as one line that starts no command and moves no cursor; plain text comes back as it is.

    Colours are dropped, other controls are shown (`\\r`, `\\x1b`, `\\u2028`), commands get a blank in their middle.
    Escaping an escaped line again changes nothing.
    """
    # Remove colours before commands are searched: `##ESC[0m[group]` becomes `##[group]`, which is a command.
    if not (line.isascii() and line.isprintable()):
        line = _unprintable().sub(_shown, re.sub(_COLOUR, "", line))
    # Most lines can match neither pattern, and compiling both takes a hundred times as long as seeing that.
    if "##" in line or "_" in line:
        line = re.sub(_ANYWHERE, _with_blank, line)
    if line.lstrip()[:1] in ":-+~^S":
        line = re.sub(_LEADING, _with_blank, line)
    return line


def escape_json(document: str) -> str:
    """Return a JSON text without controls and commands in it: escaped as `\\u003a`, so that its value stays the same.

    `document`: JSON as a serializer wrote it. Each replaced character is inside of a string and outside of an escape
    sequence: JSON's own syntax has no control characters, `::` or `##[`.
    """
    return _in_json().sub(_as_json, document)


def escape_markup(text: str) -> str:
    """Return HTML text or an attribute's value without controls and commands: as `&#58;`, so that it reads the same.

    `text`: with `&`, `<`, `>` and quotes escaped already.
    """
    if text.isascii() and not ("##" in text or "::" in text or "_" in text):
        return text
    return _in_json().sub(lambda match: f"&#{ord(match[0])};", text)


def _with_blank(match: re.Match[str]) -> str:
    return f"{match[0]} "


def _shown(match: re.Match[str]) -> str:
    named = {"\n": "\\n", "\r": "\\r"}
    letter = match[0]
    code = ord(letter)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return named.get(letter) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _as_json(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    # RFC 8259, section 7: a character outside the Basic Multilingual Plane is a surrogate pair.
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
