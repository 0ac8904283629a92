"""Texts that start a command in the log of a CI system or on a terminal, and a reader that finds such commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: What each system would obey, in lines that a stranger could write. `ci.escape` says where each of them counts.
OPENINGS: dict[str, tuple[str, ...]] = {
    "github": (
        "::error file=a,line=1::boom",
        "  \t::set-output name=x::y",
        "\u00a0::add-mask::x",
        "::stop-commands::t0k",
        "x ##[error]boom",
        "##[add-matcher]/tmp/m.json",
    ),
    "azure": (
        "##vso[task.setvariable variable=x]y",
        "a ##VSO[task.complete result=Succeeded;]",
        "##[section]x",
    ),
    "teamcity": ("##teamcity[buildStop comment='x']", "a ##teamcity[setParameter name='x' value='y']"),
    "gitlab": (
        "\x1b[0Ksection_start:1:x[collapsed=true]\r\x1b[0Kx",
        "section_end:1:x\r\x1b[0K",
    ),
    "buildkite": (
        "--- group",
        "+++ open group",
        "~~~ dull group",
        "^^^ +++",
        "\x1b[31m--- coloured",
        "\x1b]1338;url='http://x';content='y'\x07",
        "\x1b_bk;t=1\x07x",
    ),
    "drone": ("\x1b]1338;eyJ4IjoxfQ==\x1b]0m",),
    "jenkins": ("a \x1b[8mha:////4AAAAA==\x1b[0m b",),
    "travis": ("travis_fold:start:x\r", "travis_time:end:1:start=1,finish=2,duration=1\r\x1b[0K"),
    "spinnaker": ("SPINNAKER_PROPERTY_image=evil", 'a SPINNAKER_CONFIG_JSON={"a":"b"}'),
    "terminal": (
        "\x1b]0;title\x07",
        "\x1b[2J\x1b[H",
        "50%\rdone",
        "\x9b31m\x85\x90",
        "\u202egnp.exe\u2066",
        "\u2028next\u2029",
        "zero\u200bwidth\ufeff\u00ad",
        "\U000e0041\U000e0042",
        "\x08\x7f",
    ),
    "joined": (
        "##\x1b[0m[error]x",
        ":\x1b[1m:error::x",
        "-\x1b[0m-- x",
        "first\n::error::second",
        "first\r\n##vso[task.complete]second",
        "first\x0b::error::x\x0c::error::y\x1c::error::z",
    ),
}

ALL: tuple[str, ...] = tuple(line for lines in OPENINGS.values() for line in lines)

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff\ud800-\udfff]"
)
_READERS = (
    ("github", re.compile(r"^\s*::")),
    ("github, azure", re.compile(r"##\[")),
    ("azure", re.compile(r"##vso\[", re.IGNORECASE)),
    ("teamcity", re.compile(r"##teamcity\[", re.IGNORECASE)),
    ("gitlab", re.compile(r"section_(?:start|end):\d+:[^\r]*\r")),
    ("buildkite", re.compile(r"^(?:---|\+\+\+|~~~)(?:\s|$)|^\^\^\^\s+\+\+\+\s*$")),
    ("travis", re.compile(r"travis_(?:fold|time):")),
    ("spinnaker", re.compile(r"^\s*SPINNAKER_PROPERTY_|SPINNAKER_CONFIG_JSON=")),
    ("terminal", _CONTROL),
)


def commands_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield system and line for every command or control character in a log's `text`, as each system would read it."""
    for line in text.split("\n"):
        # Buildkite takes colours off before it looks; so does everybody here, in addition.
        for shown in {line, re.sub(r"\x1b\[[0-9;]*[mK]", "", line)}:
            for system, opening in _READERS:
                if opening.search(shown):
                    yield system, line
