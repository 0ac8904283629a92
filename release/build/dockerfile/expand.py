"""Replaces variables and removes quotes in a Dockerfile's operands. Pure.

`$name`, `${name}`, `${name:-word}`, `${name-word}`, `${name:+word}`, `${name+word}`, `${name:?text}`, `${name?text}`,
`${name#pattern}`, `${name##pattern}`, `${name%pattern}`, `${name%%pattern}`, `${name/pattern/text}` and
`${name//pattern/text}`; variables are replaced in double quotes, but not in single quotes; the escape character makes
the next one literal. A variable without a value becomes the empty string. Source: the Dockerfile reference,
"Environment replacement"; where it leaves cases open, BuildKit 0.34 (`frontend/dockerfile/shell`).
"""

from __future__ import annotations

from collections.abc import Mapping

from release.build.dockerfile.lexer import Lexer
from release.build.dockerfile.substitution import ExpansionError
from release.build.dockerfile.words import words_of

__all__ = ["ExpansionError", "expand", "expand_body", "expand_words"]


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """`text` with variables replaced and one level of quotes removed. Raises `ExpansionError`."""
    return "".join(piece for piece, _ in Lexer(text, variables, escape).pieces())


def expand_words(text: str, variables: Mapping[str, str], escape: str = "\\") -> tuple[str, ...]:
    """As `expand`, then split at white space that stood, or came from a variable, outside of quotes."""
    return words_of(Lexer(text, variables, escape).pieces())


def expand_body(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:  # noqa: ARG001 - as `expand`
    """A here-document's body with variables replaced; quotes stay, as in a shell.

    The escape character is always `\\` there, whatever `# escape=` says.
    """
    return "".join(piece for piece, _ in Lexer(text, variables, "\\", quotes=False).pieces())
