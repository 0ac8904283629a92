"""All files are written and deleted through `release.filesystem`, except those listed, each with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.source import modules

#: Module -> what of it may touch files by itself, and why. `*` is anything.
MAY_WRITE: dict[str, dict[str, str]] = {
    "release.filesystem.folders": {"*": "the place for it"},
    "release.filesystem.files": {"open": "what the process has open already, as /dev/stdout"},
    "release.cli.commands.demo": {
        "tempfile.mkdtemp": "a scratch folder that nobody knew before",
        "shutil.rmtree": "the same folder",
        "open": "files in it",
    },
    "release.cli.action.unpack": {
        "*": "a script that runs before anything is installed, in the runner's own folder"
    },
    "release.cli.output.streams": {"open": "/dev/null"},
    "release.cli.output.stdout": {"os.open": "/dev/null"},
    "release.filesystem.cache_folder": {
        "tempfile.mkdtemp": "a scratch folder that nobody knew before",
        "shutil.rmtree": "the same folder",
        "os.makedirs": "above the cache folder, outside of the workspace",
        "open": "a descriptor of release.filesystem.folders",
    },
    "release.filesystem.cache_lease": {"os.utime": "a descriptor that is held"},
    "release.app.session": {"os.makedirs": "in our cache folder"},
    "release.effects.local_store": {"os.utime": "a blob in our cache folder; symlinks are not followed"},
    "release.log.stores.git.private_repository": {
        "os.makedirs": "in our cache folder",
        "os.rename": "a new repository in our cache folder",
        "shutil.rmtree": "a half-made repository in our cache folder",
        "os.unlink": "git's lock file in our cache folder",
        "open": "git's attributes in our cache folder",
    },
    "release.log.catalog.sqlite_rows": {
        "sqlite3.connect": "an index in our cache folder",
        "os.open": "the same index, made for this user alone",
        "os.unlink": "the same index, when it is not the log's",
    },
    "release.log.page.spool": {
        "sqlite3.connect": "a database without a name, which SQLite deletes by itself"
    },
    "release.log.stores.sql.schema": {
        "sqlite3.connect": "refuses symlinks before; SQLite itself opens what it is given"
    },
    "release.app.obtain.check_places": {"shutil.rmtree": "the scratch folder that it made"},
    "release.build.buildah.folder": {"*": "in the build's private folder"},
    "release.build.buildah.removal": {"shutil.rmtree": "the build's private folder, in our cache folder"},
    "release.build.buildkit.lay_out": {
        "os.mkdir": "in the build's private folder",
        "open": "new files there",
    },
    "release.build.buildkit.push": {
        "os.mkdir": "in the build's private folder",
        "os.open": "a new file there",
        "os.symlink": "there, to the entries of the user's DOCKER_CONFIG",
        "open": "the descriptor of that file",
    },
    "release.build.buildkit.farm": {"*": "in the build's private folder, which it made"},
    "release.build.buildkit.working_folder": {"*": "makes and removes that folder, in our cache folder"},
    "release.image_names.archive_file": {"tempfile.TemporaryFile": "a file without a name"},
}

_OS = frozenset(
    "os." + name
    for name in """
    chmod chown fchmodat lchmod lchown link linkat makedirs mkdir mkfifo mknod open remove removedirs rename renames
    replace rmdir symlink truncate unlink utime
    """.split()  # noqa: SIM905  # twenty quoted names would hide the list
)
_MODULES = ("shutil", "tempfile", "zipfile", "dbm", "shelve")
#: Of those, what touches no file.
_HARMLESS = frozenset(
    {"shutil.which", "shutil.get_terminal_size", "shutil.disk_usage", "tempfile.gettempdir"}
)
_OPENERS = frozenset(
    {
        "open",
        "io.open",
        "io.FileIO",
        "os.fdopen",
        "tarfile.open",
        "tarfile.TarFile",
        "gzip.open",
        "bz2.open",
        "lzma.open",
    }
)
#: Methods of `pathlib.Path` and of archives, and how many arguments they have at least.
_METHODS = {
    **dict.fromkeys(
        ("write_text", "write_bytes", "symlink_to", "hardlink_to", "lchmod", "rename", "extract"), 1
    ),
    **dict.fromkeys(("touch", "unlink", "rmdir", "mkdir", "extractall"), 0),
}
_WRITING_FLAGS = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")


def _names(tree: ast.Module) -> dict[str, str]:
    """Return imported name -> its full name: `from os import replace as r` gives `r` -> `os.replace`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
    return names


def _writes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each function that is called or passed by name and that writes files, with its line."""
    names = _names(tree)
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        text = ast.unparse(node)
        head, dot, rest = text.partition(".")
        name = f"{names.get(head, head)}{dot}{rest}"
        call = called.get(id(node))
        if _touches(name, call):
            yield name, f"line {node.lineno}: {ast.unparse(call or node)}"


def _touches(name: str, call: ast.Call | None) -> bool:
    if name in _OPENERS:
        return call is not None and not _only_reads(name, call)
    if name == "os.open":
        return call is None or any(flag in ast.unparse(call) for flag in _WRITING_FLAGS) or len(call.args) < 2
    if name in _OS or name == "sqlite3.connect":
        return True
    if name.partition(".")[0] in _MODULES:
        return "." in name and name not in _HARMLESS
    least = _METHODS.get(name.rpartition(".")[2])
    # More arguments than a path's method takes: one of ours, between two folders.
    return call is not None and "." in name and least is not None and least <= len(call.args) < 2


def _only_reads(name: str, call: ast.Call) -> bool:
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name.startswith("tarfile") and "fileobj" in keywords:
        return True  # a stream that somebody else opened
    if name == "os.fdopen":
        return True  # a descriptor that somebody else opened
    mode = call.args[1] if len(call.args) > 1 else keywords.get("mode")
    return mode is None or (isinstance(mode, ast.Constant) and not set(str(mode.value)) & set("wax+"))


def _found() -> dict[str, list[tuple[str, str]]]:
    return {name: found for name, tree in modules() if (found := [*_writes(tree)])}


def test_files_are_written_only_through_release_filesystem() -> None:
    strays = {}
    for module, found in _found().items():
        allowed = MAY_WRITE.get(module, {})
        left = [place for name, place in found if name not in allowed and "*" not in allowed]
        if left:
            strays[module] = left
    assert strays == {}


def test_every_call_listed_as_allowed_to_write_files_still_exists() -> None:
    found = {module: {name for name, _ in places} for module, places in _found().items()}
    unused = {
        (module, name)
        for module, allowed in MAY_WRITE.items()
        for name in allowed
        if name != "*" and name not in found.get(module, ())
    }
    assert unused == set()


@pytest.mark.parametrize(
    ("source", "writes"),
    [
        ("open(path, 'w')", True),
        ("open(path, mode='ab')", True),
        ("open(path, mode)", True),
        ("open(path, 'r+b')", True),
        ("open(path)", False),
        ("open(path, 'rb')", False),
        ("io.FileIO(path, 'w')", True),
        ("os.open(path, os.O_RDONLY)", False),
        ("os.open(path, os.O_RDWR)", True),
        ("os.replace(a, b)", True),
        ("from os import replace\nreplace(a, b)", True),
        ("from os import replace as text\ntext(a, b)", True),
        ("import os as system\nsystem.unlink(a)", True),
        ("atexit.register(shutil.rmtree, folder)", True),
        ("text.replace('a', 'b')", False),
        ("shutil.which('git')", False),
        ("tempfile.mkstemp()", True),
        ("from tempfile import NamedTemporaryFile\nNamedTemporaryFile()", True),
        ("Path(path).write_text('x')", True),
        ("path.unlink(missing_ok=True)", True),
        ("tarfile.open(path, 'w')", True),
        ("tarfile.open(fileobj=stream, mode='w|')", False),
        ("archive.extractall(folder)", True),
        ("sqlite3.connect(path)", True),
    ],
)
def test_the_test_of_file_writes_finds_calls_that_write_files(source: str, writes: bool) -> None:
    assert bool([*_writes(ast.parse(source))]) == writes
