"""The entry point, which puts cheap modules in place of some of the standard library while click is imported."""

from __future__ import annotations

import inspect
import platform
import sys
import textwrap
import threading
from types import ModuleType

import pytest

from release.cli.entry import stand_ins

#: Texts of options' help, and others.
_TEXTS = ["", "Only data.", "  Only data. ", "\tOnly\tdata.\t", "One.\n\n  Two.\n    Three.\n"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Give the stand-ins that an import finds in a process that has not loaded the real modules."""
    names = ("gettext", "inspect", "platform", "textwrap")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with stand_ins():
        found = {name: sys.modules[name] for name in names}
    assert not set(names) & sys.modules.keys()
    return found


@pytest.mark.parametrize("text", _TEXTS)
def test_stand_ins_answer_as_the_modules_do(made: dict[str, ModuleType], text: str) -> None:
    assert made["inspect"].cleandoc(text) == inspect.cleandoc(text)
    assert made["gettext"].gettext(text) == text
    assert [made["gettext"].ngettext("file", "files", count) for count in (0, 1, 2)] == [
        "files",
        "file",
        "files",
    ]
    assert made["platform"].system() == platform.system()


def test_stand_in_loads_its_module_for_what_it_does_not_have(made: dict[str, ModuleType]) -> None:
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(made["textwrap"].dedent("  a"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["a"] * 4
    assert made["inspect"].isfunction(textwrap.dedent)
    with pytest.raises(AttributeError):
        made["textwrap"].__path__  # noqa: B018


def test_modules_that_are_loaded_already_stay() -> None:
    with stand_ins():
        assert sys.modules["textwrap"] is textwrap
