"""Lists every place in the source that prints, with the reason; a new one that bypasses the escaping fails a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.source import modules

#: Module -> what it uses, and why foreign text does not get out there.
PLACES: dict[str, dict[str, str]] = {
    "release.cli.output.stdout": {
        "print": "the only two places: `_write` for stdout, `_say` for stderr; both get escaped lines",
        "sys.stderr": "where `_say` writes",
    },
    "release.cli.action.unpack": {"sys.stderr": "a script that runs before anything is installed"},
    "release.cli.output.streams": {
        "sys.stdout": "told whether it gets colours, which lines get after they are escaped",
        "sys.stderr": "likewise",
    },
    "release.cli.main": {
        "sys.stdout": "replaced by the escaping stream before anything is printed",
        "sys.stderr": "likewise",
    },
    "release.cli.exit": {
        "sys.stdout": "finished through the escaping stream, before the process ends",
        "sys.stderr": "likewise",
    },
    "release.cli.output.confirm": {"sys.stderr": "asked whether it is a terminal; click prints the question"},
    "release.cli.output.progress": {
        "sys.stderr": "passes on what a sink escaped to the stream of the moment"
    },
    "release.cli.output.progress_bars": {
        "sys.stderr": "the terminal that bars are drawn on; their labels are escaped",
        "Console": "draws bars; their labels are escaped, and nothing else is printed through it",
        "unescaped": "bars move the cursor",
    },
    "release.build.buildah.request": {
        "/dev/stderr": "a word of a command line: the pipe that shipmark reads"
    },
    "release.registry.http.sending": {"os.sendfile": "sends a file to a socket"},
    "release.programs.pipes": {"os.write": "writes to the stdin of a child process"},
    "release.log.stores.syscalls": {"os.write": "writes to the descriptor of a log file"},
}

_NAMES = frozenset(
    {"print", "input", "Console", "echo", "secho", "pprint", "unescaped", "StreamHandler", "basicConfig"}
)
_DOTTED = frozenset(
    {
        "os.write",
        "os.writev",
        "os.sendfile",
        "sys.stdout",
        "sys.stderr",
        "sys.__stdout__",
        "sys.__stderr__",
        "warnings.showwarning",
        "faulthandler.enable",
        "traceback.print_exc",
        "traceback.print_exception",
        "traceback.print_stack",
    }
)
_FILES = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/dev/tty", "/proc/self/fd")


def _used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _NAMES:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted in _DOTTED:
                yield node.lineno, dotted
            elif node.attr in _NAMES:
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if f"{node.module}.{alias.name}" in _DOTTED or alias.name in _NAMES:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(_FILES):
            yield node.lineno, node.value


def test_only_the_listed_places_print() -> None:
    strays = [
        f"{module}:{line}: {name}"
        for module, tree in modules()
        for line, name in _used(tree)
        if name not in PLACES.get(module, {})
    ]
    assert strays == [], "print through release.cli.output.stdout: text that others wrote is escaped there"


def test_every_listed_printing_place_exists() -> None:
    used = {module: {name for _, name in _used(tree)} for module, tree in modules()}
    gone = [
        (module, name)
        for module, names in PLACES.items()
        for name in names
        if name not in used.get(module, ())
    ]
    assert gone == []


def test_only_ci_speech_creates_log_commands() -> None:
    makers = {
        module
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "LogCommand"
    }
    assert makers
    assert all(module.startswith("ci.speech.") for module in makers), makers


def test_no_module_imports_the_private_functions_of_the_printers() -> None:
    private = {"_write", "_say"}
    strays = [
        (module, alias.name)
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "release.cli.output.stdout"
        for alias in node.names
        if alias.name in private
    ]
    assert strays == []


def test_the_test_of_printing_places_finds_calls_that_print() -> None:
    source = """
import os, sys, click
from rich.console import Console
from sys import stdout
print("x")
click.echo("x")
sys.stdout.write("x")
os.write(1, b"x")
Console().print("x")
open("/dev/stdout", "w")
"""
    found = {name for _, name in _used(ast.parse(source))}
    assert found == {"print", "echo", "sys.stdout", "os.write", "Console", "stdout", "/dev/stdout"}
