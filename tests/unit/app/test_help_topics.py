"""Every error has a section in `docs/errors.md`, and each section names the exit codes of its errors."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Iterator
from types import FunctionType

import pytest

from release import errors
from release.app.help_topics import PAGE, help_at, topic, topic_of
from release.app.log.verify import fault
from release.app.log.verify_report import TagFinding, VerifyReport
from release.app.topic_table import DEFECT, TOPICS, USAGE
from release.errors import (
    BuildError,
    ConfigError,
    NotFound,
    RefusedError,
    RegistryError,
    ReleaseError,
    Unreachable,
)
from release.json_text import parse_json
from release.oci.reference import Reference
from tests.support.pages import ROOT, text_of
from tests.support.source import modules

#: Heading and first words of each section: `### shallow-clone`, `Exit 3.`
_SECTION = re.compile(r"^### ([a-z-]+)\n\nExit (\d+(?: or \d+)*)\. \S", re.MULTILINE)


def classes(cls: type[ReleaseError] = ReleaseError) -> Iterator[type[ReleaseError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from classes(child)


def places() -> set[tuple[type[ReleaseError], str]]:
    """Return each class of errors with each module, by its name below `release`, that makes such an error."""
    named = {cls.__name__: cls for cls in classes() if cls.__module__ == errors.__name__}
    found = set()
    for name, tree in modules():
        package, _, module = name.partition(".")
        for node in ast.walk(tree) if package == "release" else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in named:
                found.add((named[node.func.id], module))
    return found


def sections() -> dict[str, set[int]]:
    """Return the exit codes that the page names for each topic."""
    return {
        match[1]: {int(code) for code in match[2].split(" or ")}
        for match in _SECTION.finditer(text_of("docs/errors.md"))
    }


def test_topics_of_the_code_are_the_sections_of_the_page() -> None:
    headings = re.findall(r"^### (.+)$", text_of("docs/errors.md"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    known = {name for rooms in TOPICS.values() for name in rooms.values()} | {USAGE, DEFECT}
    assert set(headings) == known == set(sections())


def test_sections_name_the_exit_codes_of_their_errors() -> None:
    expected: dict[str, set[int]] = {USAGE: {2}}
    for cls, rooms in TOPICS.items():
        for name in rooms.values():
            expected.setdefault(name, set()).add(cls.exit_code)
    assert sections() == expected


def test_every_class_of_errors_has_a_topic() -> None:
    own = [cls for cls in classes() if cls.__module__ == errors.__name__]
    assert [cls.__name__ for cls in own if "" not in TOPICS.get(cls, {})] == []


def test_every_row_of_the_table_names_a_module_or_package() -> None:
    paths = {room: ROOT / "release" / room.replace(".", "/") for rooms in TOPICS.values() for room in rooms}
    assert [
        room for room, path in paths.items() if not (path.is_dir() or path.with_suffix(".py").is_file())
    ] == []


def test_every_place_that_raises_an_error_has_a_section() -> None:
    assert {topic(cls, module) for cls, module in places()} <= set(sections())


@pytest.mark.parametrize(
    ("cls", "module", "expected"),
    [
        (ConfigError, "config.load", "config-file"),
        (ConfigError, "config.variables", "config-variables"),
        (ConfigError, "configuration", "usage"),
        (ConfigError, "", "usage"),
        (BuildError, "app.obtain.builds", "build-context"),
        (RefusedError, "app.retention.prune", "prune-refused"),
        (RefusedError, "app", "refused"),
        (NotFound, "retention.somewhere.new", "not-found"),
        (NotFound, "app.retention.places", "not-found"),
        (NotFound, "app.retention.undo", "prune-approval"),
        (ConfigError, "app.retention.undo", "prune-approval"),
    ],
)
def test_the_longest_name_of_a_package_decides(cls: type[ReleaseError], module: str, expected: str) -> None:
    assert topic(cls, module) == expected


def test_topic_of_a_class_without_a_row_is_that_of_its_base() -> None:
    class Slow(Unreachable):
        pass

    assert topic_of(Slow("`r.example` does not answer")) == "unreachable"


def test_topic_depends_on_the_module_that_raised_the_error() -> None:
    with pytest.raises(ConfigError) as wrong:
        parse_json(b"{", "plan.json")
    assert topic_of(wrong.value) == "unreadable-file"
    with pytest.raises(ConfigError) as wrong:
        Reference.parse("UPPER/case")
    assert topic_of(wrong.value) == "image-name"


def test_topic_of_an_error_that_another_thread_raised_is_the_same() -> None:
    caught: list[ReleaseError] = []

    def work() -> None:
        try:
            parse_json(b"{", "plan.json")
        except ReleaseError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with pytest.raises(ConfigError) as wrong:
        raise caught[0]
    assert topic_of(wrong.value) == "unreadable-file"


def test_topic_of_an_error_that_was_never_raised_is_that_of_its_class() -> None:
    assert topic_of(ConfigError("`--a` and `--b` exclude each other")) == "usage"


def _end(error: ReleaseError) -> None:
    raise error


def test_topic_of_an_error_that_a_report_carries_is_that_of_the_module_that_raised_it_first() -> None:
    one = TagFinding(target="r.example/app", tag="1", finding="unknown", detail="no answer")
    carried = fault(VerifyReport(log="l", entries=1, head="0:0", tags=(one,)))
    assert carried is not None
    assert topic_of(carried) == "log-and-registry"
    # The command line raises it, which is not where the error comes from.
    end = FunctionType(_end.__code__, {"__name__": "release.cli.commands.log.verify"})
    with pytest.raises(RegistryError) as wrong:
        end(carried)
    assert topic_of(wrong.value) == "log-and-registry"


def test_help_names_the_page_of_the_repository() -> None:
    assert (ROOT / PAGE).is_file()
    assert help_at("shallow-clone") == "docs/errors.md#shallow-clone"
