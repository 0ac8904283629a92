"""The warning about a large context, which names its largest folders and files."""

from __future__ import annotations

from release.build.context.selection import Selection
from release.build.context.sizes import LARGE, size_warning
from release.build.context.tree import Tree
from release.compression.entries import HostFile, Node

MIB = 1 << 20


def context(**mebibytes: int) -> Selection:
    """Return a build context of files, given by name and size in MiB; `__` in a name is `/`."""
    nodes = {
        name.replace("__", "/"): Node(kind="file", content=HostFile(path="/x", size=size * MIB))
        for name, size in mebibytes.items()
    }
    return Selection(files=Tree(nodes))


def test_warning_of_a_large_context_names_its_largest_folders_and_files() -> None:
    note = size_warning(
        context(a=100, node_modules__x__y=900, node_modules__x__z=800, data__dump=300, src__m=1)
    )
    assert note is not None
    assert note.text == "the build context has 2.1 GiB: `node_modules/x` 1.7 GiB, `data/dump` 300 MiB"
    assert ".dockerignore" in str(note.hint)


def test_warning_names_a_folder_of_many_small_files_as_a_whole() -> None:
    note = size_warning(context(**{f"data__{number}": 10 for number in range(200)}))
    assert note is not None
    assert note.text == "the build context has 2.0 GiB: `data` 2.0 GiB"


def test_context_below_a_gibibyte_causes_no_warning() -> None:
    assert size_warning(context(a=1023)) is None
    assert size_warning(context(a=1024)) is not None
    assert LARGE == 1024 * MIB
