"""The flags in front of an instruction's operands: `--from=base`, `--link`. Pure.

Follows BuildKit 0.34: `extractBuilderFlags` in `parser/split_command.go` and `instructions/bflag.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from release.build.dockerfile.instructions import Flag
from release.errors import BuildError
from release.hints import nearest

Kind = Literal["text", "truth", "list"]

_TRANSFER: Mapping[str, Kind] = {"chown": "text", "chmod": "text", "link": "truth", "exclude": "list"}
#: Instruction -> its flags. An instruction that is not listed takes no flag.
KNOWN_FLAGS: Mapping[str, Mapping[str, Kind]] = {
    "ADD": {**_TRANSFER, "keep-git-dir": "truth", "checksum": "text", "unpack": "truth"},
    "COPY": {**_TRANSFER, "from": "text", "parents": "truth"},
    "FROM": {"platform": "text"},
    "HEALTHCHECK": {
        "interval": "text",
        "timeout": "text",
        "start-period": "text",
        "start-interval": "text",
        "retries": "text",
    },
    "RUN": {"mount": "list", "network": "text", "security": "text", "device": "list"},
}
# White space between flags is only ASCII, unlike in other operands: BuildKit reads flags byte by byte. BuildKit also
# garbles characters that are not ASCII in flags; this module keeps them.
_SPACE = "\t\n\v\f\r "
#: Instructions whose flags BuildKit does not check.
IGNORE_FLAGS = frozenset({"ARG", "STOPSIGNAL"})


def split_flags(rest: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The leading words that begin with `--`, without quotes and escapes, and the text that follows them.

    A word `--` ends the flags, and is part of neither result.
    """
    flags: list[str] = []
    at = 0
    while True:
        while at < len(rest) and rest[at] in _SPACE:
            at += 1
        if not rest.startswith("--", at):
            return tuple(flags), rest[at:]
        word, at = _word(rest, at, escape)
        if word == "--":
            return tuple(flags), rest[at:].lstrip()
        flags.append(word)


def _word(text: str, at: int, escape: str) -> tuple[str, int]:
    """The word at `at` without its quotes, and where it ends."""
    word = ""
    quote = ""
    while at < len(text):
        character = text[at]
        at += 1
        if quote and character == quote:
            quote = ""
        elif not quote and character in _SPACE:
            return word, at - 1
        elif not quote and character in "\"'":
            quote = character
        elif character == escape:
            word += text[at : at + 1]
            at += 1
        else:
            word += character
    return word, at


def read_flags(words: Sequence[str], keyword: str, where: str) -> tuple[Flag, ...]:
    """Check the flags of one instruction. `where`: the file and line, for messages. Raises `BuildError`."""
    if keyword in IGNORE_FLAGS:
        return ()
    known = KNOWN_FLAGS.get(keyword, {})
    flags: list[Flag] = []
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        kind = known.get(name)
        if kind is None:
            raise BuildError(f"{where}: `{keyword}` has no flag `--{name}`", hint=_hint(name, keyword, known))
        if kind != "list" and any(flag.name == name for flag in flags):
            raise BuildError(f"{where}: the flag `--{name}` stands twice", hint="remove one of the two")
        if kind == "truth":
            _require_truth(name, value if equals else None, where)
        elif not equals:
            raise BuildError(f"{where}: the flag `--{name}` has no value", hint=f"write `--{name}=…`")
        flags.append(Flag(name=name, value=value if equals else None))
    return tuple(flags)


def _require_truth(name: str, value: str | None, where: str) -> None:
    if value is not None and value.lower() not in ("true", "false"):
        raise BuildError(
            f"{where}: `--{name}={value}` is neither `true` nor `false`", hint=f"write `--{name}` alone"
        )


def _hint(name: str, keyword: str, known: Mapping[str, Kind]) -> str:
    near = nearest(name, known, cutoff=0.6)
    if near:
        return f"did you mean `--{near}`?"
    if known:
        return f"`{keyword}` has {', '.join(f'`--{each}`' for each in sorted(known))}"
    return f"`{keyword}` takes no flags; write `{keyword} -- --{name} …` if its operands begin so"
