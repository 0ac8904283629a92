"""The section of `docs/errors.md` about an error. It depends on the error's class and on the package that raised it.

`tests/unit/app/test_help_topics.py` compares the table with the page and with every place that raises an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from release.app.topic_table import TOPICS
from release.errors import ReleaseError

_P = ParamSpec("_P")

#: The page, in shipmark's own repository. A path and no URL: no host is known that serves the page for every copy of
#: the repository, and a name that is made up could be registered by somebody else.
PAGE = "docs/errors.md"


def topic_of(error: ReleaseError) -> str:
    """The topic of an error, by its class and by the module that raised it."""
    return topic(type(error), _raised_in(error))


def topic(cls: type[ReleaseError], module: str) -> str:
    """The topic of an error of class `cls` that `module` raises. `module`: its name below `release`, or empty."""
    rooms = next(TOPICS[base] for base in cls.__mro__ if base in TOPICS)
    names = module.split(".") if module else []
    prefixes = (".".join(names[:length]) for length in range(len(names), -1, -1))
    return next(rooms[prefix] for prefix in prefixes if prefix in rooms)


def help_at(name: str) -> str:
    """Where the section about a topic is, as printed below a message and as the member `help` of `--json` documents."""
    return f"{PAGE}#{name}"


def caught(require: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> ReleaseError | None:
    """The error that `require` raises, for a report that carries it; None if it raises none.

    An error that is only made, and raised by the command line at last, would get the topic of its class.
    """
    try:
        require(*args, **kwargs)
    except ReleaseError as error:
        return error
    return None


def _raised_in(error: ReleaseError) -> str:
    """The module below `release` whose function raised the error: the innermost frame of its traceback."""
    module, entry = "", error.__traceback__
    while entry is not None:
        name = str(entry.tb_frame.f_globals.get("__name__", ""))
        module = name.removeprefix("release.") if name.startswith("release.") else module
        entry = entry.tb_next
    return module
