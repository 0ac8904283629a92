"""Hints that several packages give: the action that helps against causes of one kind, and the word that was meant."""

from __future__ import annotations

from collections.abc import Iterable

#: For a transfer that ended early, and for an image that was there when the plan was made and is gone.
AGAIN = "run the command again: it looks anew for what is there, and goes on where this run stopped"
#: For a document of a registry's API that is not what its specification says.
ODD_ANSWER = (
    "check the registry's name, and that no proxy or login page answers in its place; if the registry itself answers "
    "so, its log says why"
)
#: For an image or archive whose own documents are damaged or do not follow the specification.
ODD_IMAGE = "make the image again with a current tool, or copy it again from where it was made"
#: For an image that is above one of the limits, which protect the memory.
LARGE_IMAGE = (
    "this is more than shipmark reads of one image, to protect its memory: make it smaller, or split it"
)
#: For an image that a builder made for another platform than it was asked for.
NAMES_PLATFORM = "see whether the Dockerfile names a platform: `FROM --platform=…`"
#: For a command about images where neither an option nor the config names one.
NAME_IMAGE = "give `--image ghcr.io/acme/app`, or write `image: ghcr.io/acme/app` into shipmark.yml"
#: For a file or folder of the build context that cannot be read.
MAKE_READABLE = "make the path readable, or name it in `.dockerignore`"
#: For an instruction whose source is not in the build context.
CHECK_SOURCE = "check the path, and that `.dockerignore` does not leave it out"
#: For an exception that no code expects.
DEFECT = "this is a defect of shipmark: run the command again with `-v`, and report what it prints"
#: For a record of the version log that does not have the form of its kind.
UNWRITABLE = (
    "if `shipmark log import` read it from a file, that file was changed: take it as the run wrote it; otherwise "
    "this is a defect of shipmark: report it"
)


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.8) -> str | None:
    """The known word that is most like `word`, without regard to case; None if none is like it.

    `cutoff`: from 0 to 1. 0.8 allows one wrong letter in a word of five, and two swapped ones in a word of six.
    """
    import difflib  # imported late: only words that may be mistakes need it

    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str, *, cutoff: float = 0.6) -> str:
    """The hint that names the known word that is most like `word`; `otherwise` if none is like it.

    A hint may name a word that is less like it than `nearest` asks for: an error is shown in any case.
    """
    near = nearest(word, known, cutoff=cutoff)
    return f"did you mean `{near}`?" if near else otherwise
