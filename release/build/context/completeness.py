"""Refuses a build whose instructions read files of the commit that the clone does not have. Pure.

Three kinds: submodules that are not checked out, files outside of a sparse checkout, and Git LFS files of which only
the pointer is there. Released as they are, such an image would not be its commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from release.build.context.reach import Reach, Source
from release.build.ignore import Ignore
from release.errors import IncompleteTree

Lack = Literal["submodules", "sparse", "lfs"]

#: What a file begins with that stands for a large one. Source: the Git LFS specification, "The Pointer"; `hawser` is
#: the name that the project had before.
POINTERS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
#: Bytes of the largest pointer file, by the Git LFS specification, "The Pointer".
POINTER_BYTES = 1024

_SAYS: Mapping[Lack, tuple[str, str]] = {
    "submodules": (
        "the submodule {names} is not checked out",
        "{count} submodules are not checked out ({names})",
    ),
    "sparse": (
        "{names} is not in this sparse checkout",
        "{count} files of the commit are not in this sparse checkout ({names})",
    ),
    "lfs": (
        "{names} is a Git LFS pointer without its content",
        "{count} files are Git LFS pointers without their content ({names})",
    ),
}
#: What helps where no CI system is known to have a line of its own.
_COMMANDS: Mapping[Lack, str] = {
    "submodules": "run `git submodule update --init --recursive`",
    "sparse": "run `git sparse-checkout disable`",
    "lfs": "run `git lfs pull`",
}
_NAMED = 3  # paths that the error names: enough to recognise the files, and the error stays readable


def read_by_build(paths: Sequence[str], reach: Reach, ignore: Ignore) -> list[str]:
    """Those of `paths` that an instruction reads and `.dockerignore` does not hide."""
    return [path for path in paths if reach.source_of(path) is not None and not _is_hidden(path, ignore)]


def without_allowed(paths: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """`paths` without those that `allow_missing` names, or that lie below a path that it names."""
    lifted = [path.strip("/").removeprefix("./") for path in allowed]
    return [path for path in paths if not any(path == one or path.startswith(f"{one}/") for one in lifted)]


def incomplete(
    lack: Lack, paths: Sequence[str], source: Source, remedies: Mapping[Lack, str]
) -> IncompleteTree:
    """The error for `paths`, of which `source` reads the first. `remedies`: lack -> what helps on the CI at hand."""
    one, several = _SAYS[lack]
    names = ", ".join(f"`{path}`" for path in paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")
    said = (one if len(paths) == 1 else several).format(names=names, count=len(paths))
    remedy = remedies.get(lack) or _COMMANDS[lack]
    return IncompleteTree(
        f"{said}, and {source.where} reads {'it' if len(paths) == 1 else 'them'}: "
        f"`{source.keyword}` of `{source.text}`",
        hint=f"{remedy}; or, if the image can do without, `build: {{allow_missing: [{paths[0]}]}}`",
    )


def _is_hidden(path: str, ignore: Ignore) -> bool:
    # `vendor/lib/*` hides all that a submodule holds, and not the submodule itself.
    return ignore.excludes(path) or ignore.excludes(f"{path}/any")
