"""The entry point of the program `shipmark`: sets UTF-8, makes imports cheaper, and runs the command line."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    """Run the command line of this process, and end the process with its exit code."""
    _use_utf8()
    with stand_ins():
        # The two libraries that every command imports. What else is imported gets the real modules.
        import click  # noqa: F401
        import msgspec  # noqa: F401
    from release.cli.main import main as run_main

    run_main()


def _use_utf8() -> None:
    """Start this process again in Python's UTF-8 mode, if the locale has another encoding.

    Names of files and arguments are bytes. Python decodes them by the locale, and images, JSON and git name files in
    UTF-8: in a Latin-1 locale, `ä.txt` would have another name in the image. UTF-8 mode is Python's default from 3.15
    on (PEP 686); a running process cannot change to it.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        # Python takes the first of several `-X utf8`. `orig_argv` has its options, such as `-I`, and the script.
        os.execv(sys.executable, [sys.orig_argv[0], "-X", "utf8", *sys.orig_argv[1:]])


@contextmanager
def stand_ins() -> Iterator[None]:
    """Put modules in place of some of the standard library that click and msgspec import and few commands use.

    Together these take a tenth of the time of a short command. A stand-in loads the real module when something is
    used that it does not have itself. It is seen only by modules that are imported in the body.
    """
    made = {name: _StandIn(name, **own) for name, own in _OWN.items() if name not in sys.modules}
    sys.modules.update(made)
    try:
        yield
    finally:
        for module in made.values():
            module.retire()


class _StandIn(ModuleType):
    """Has the attributes of the module `name`, which is imported when one is used that is not among `own`."""

    def __init__(self, name: str, **own: Any) -> None:
        super().__init__(name)
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        # `from … import …` looks for `__path__`, which the modules do not have.
        if name.startswith("__"):
            raise AttributeError(name)
        self.retire()
        # Python's lock of each module's import makes this safe in several threads.
        return getattr(import_module(self.__name__), name)

    def retire(self) -> None:
        """Let later imports find the real module."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def _cleandoc(text: str) -> str:
    """`inspect.cleandoc`: click calls it for the help of each option, which is a line."""
    if "\n" in text:
        return str(import_module("inspect").cleandoc(text))
    return text.expandtabs().lstrip()


def _untranslated(text: str) -> str:
    """`gettext.gettext` without a catalog: shipmark's messages are English, and click's among them are too."""
    return text


def _plural(one: str, several: str, number: int) -> str:
    """`gettext.ngettext` without a catalog."""
    return one if number == 1 else several


#: Module -> what its stand-in has itself. `uuid` asks `platform` for the system while it is imported.
_OWN: dict[str, dict[str, Any]] = {
    "gettext": {"gettext": _untranslated, "ngettext": _plural},
    "inspect": {"cleandoc": _cleandoc},
    "platform": {"system": lambda: os.uname().sysname},
    "textwrap": {},
}
