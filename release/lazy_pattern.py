"""Regular expressions that are compiled at their first use. Pure.

Compiling a regular expression takes longer than importing a small module, and a command uses few of those that its
modules define. So no module compiles one while it is imported. After the first use a pattern is as fast as a compiled
one.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` returns, compiled at the first use of a method or attribute.

    The functions of the module `re` do not take it in place of a pattern.
    """
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))


class _Pattern:
    """Gets the methods and attributes of the compiled pattern, each at its first use."""

    def __init__(self, text: Any, flags: int) -> None:
        self._given = (text, flags)
        self.pattern = text  # known before: longer expressions are put together from those of shorter ones

    def __getattr__(self, name: str) -> Any:
        # Called only for attributes that the object does not have yet. `re.compile` keeps what it has compiled.
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)
        return found
