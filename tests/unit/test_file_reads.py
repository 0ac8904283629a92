"""All files are read through `release.filesystem.files`, except those listed, each with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.source import modules

#: Module -> why it may open a file itself.
MAY_OPEN = {
    "release.filesystem.files": "the place for it",
    "release.filesystem.folders": "the same for a name in a folder that is held open",
    "release.compression.host_files": "a file of the context, by the size that was listed, never through a symlink",
    "release.app.setup.init.source": "pip's record of this installation, through importlib.metadata",
    "release.cli.action.unpack": "the lock file and wheels, before anything is installed",
    "release.app.log.export": "the page's template, part of the package",
    "release.log.stores.syscalls": "the log itself and what lies beside it, read by position",
}

_OPENERS = frozenset(
    {"open", "io.open", "io.FileIO", "os.open", "tarfile.open", "gzip.open", "bz2.open", "lzma.open"}
)
_READERS = ("read_text", "read_bytes")
_WRITES = ("O_WRONLY", "O_RDWR")


def _openings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if (name in _OPENERS and not _only_writes(node)) or name.rpartition(".")[2] in _READERS:
                yield f"line {node.lineno}: {ast.unparse(node)}"


def _only_writes(call: ast.Call) -> bool:
    """Return whether the call's mode or flags open the file for writing; a mode in a variable counts so."""
    if any(keyword.arg == "fileobj" for keyword in call.keywords):
        return True  # a stream that somebody else opened
    mode = (
        call.args[1]
        if len(call.args) > 1
        else next((k.value for k in call.keywords if k.arg == "mode"), None)
    )
    if mode is None:
        return False
    text = ast.unparse(mode)
    if isinstance(mode, ast.Constant):
        return not str(mode.value).startswith("r")
    return any(flag in text for flag in _WRITES) or text == "mode"


def test_files_are_read_only_through_release_filesystem() -> None:
    found = {name: [*_openings(tree)] for name, tree in modules()}
    assert {name: places for name, places in found.items() if places and name not in MAY_OPEN} == {}


def test_every_module_listed_as_allowed_to_read_files_still_reads_one() -> None:
    found = {name for name, tree in modules() if [*_openings(tree)]}
    assert set(MAY_OPEN) <= found


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("open(path)", True),
        ("open(path, 'rb')", True),
        ("open(path, 'w')", False),
        ("io.FileIO(path)", True),
        ("os.open(path, os.O_RDONLY | os.O_CLOEXEC)", True),
        ("os.open(path, os.O_WRONLY)", False),
        ("Path(path).read_text()", True),
        ("tarfile.open(path, 'r:*')", True),
        ("tarfile.open(fileobj=stream)", False),
    ],
)
def test_the_test_of_file_reads_finds_calls_that_read_files(source: str, reads: bool) -> None:
    assert bool([*_openings(ast.parse(source))]) == reads
