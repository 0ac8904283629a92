"""Draws operands of instructions: paths as they are written in a Dockerfile, and expansions of variables."""

from __future__ import annotations

import json
from random import Random

#: Variables that stages of drawn Dockerfiles set, declare or leave unset.
NAMES = ("X", "Y", "D", "U", "UNSET", "EMPTY", "TARGETARCH", "TARGETPLATFORM", "TARGETVARIANT", "PATH", "G")
_PATTERNS = ("a", "*", "?", "a*", "*.txt", "b", "/", "[ab]", "\\*", "x.")


def expansion(random: Random, depth: int = 0) -> str:
    """Draw a reference to a variable, in any form that BuildKit expands."""
    name = random.choice(NAMES)
    share = random.random()
    if share < 0.3:
        return f"${name}"
    if share < 0.5:
        return f"${{{name}}}"
    word = (
        expansion(random, depth + 1)
        if depth < 2 and random.random() < 0.3
        else random.choice(("w", "a/b", ""))
    )
    if share < 0.8:
        return f"${{{name}{random.choice((':-',) * 4 + (':+', ':+', '-', '-', '+', ':?'))}{word}}}"
    pattern = random.choice(_PATTERNS)
    if share < 0.92:
        return f"${{{name}{random.choice(('#', '##', '%', '%%'))}{pattern}}}"
    return f"${{{name}{random.choice(('/', '//'))}{pattern}/{word}}}"


def word(random: Random, plain: str) -> str:
    """Draw a spelling of `plain`, mostly itself, or with expansions, quotes and escapes around or in it."""
    share = random.random()
    if share < 0.7:
        return plain
    if share < 0.85:
        return random.choice(
            (f"{plain}{expansion(random)}", f"{expansion(random)}{plain}", expansion(random))
        )
    return random.choice(
        (f'"{plain}"', f"'{plain}'", f'"{expansion(random)}"', f"'$X'{plain}", f"\\{plain}", f"{plain}\\$X")
    )


def shell_path(path: str, escape: str = "\\") -> str:
    """Return a spelling of a literal path that a shell form takes for one word."""
    return "".join(
        f"{escape}{character}" if character in "\"'\\$` \t#" or character == escape else character
        for character in path
    )


def literal_pattern(path: str) -> str:
    """Return a pattern of a source that matches only `path`."""
    return "".join(f"\\{each}" if each in "*?\\" else "[[]" if each == "[" else each for each in path)


def json_form(words: list[str]) -> str:
    """Return operands as a JSON array."""
    return json.dumps(words, ensure_ascii=False)
