"""Refuses a build whose instructions read files of the commit that the clone does not have. Pure.

Six kinds: submodules that are not checked out, submodules whose files have no repository, files outside of a sparse
checkout, Git LFS files of which only the pointer is there, files that are still encrypted, and changed files that git
was told to take as unchanged. An image built without the files of the commit would not contain what its commit
contains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from release.build.context.reach import Reach
from release.build.context.source_pattern import Source
from release.build.ignore import Ignore
from release.errors import IncompleteTree

Lack = Literal["submodules", "loose", "sparse", "lfs", "locked", "unwatched"]

_SAYS: Mapping[Lack, tuple[str, str]] = {
    "submodules": (
        "the submodule {names} is not checked out",
        "{count} submodules are not checked out ({names})",
    ),
    "loose": (
        "the files of the submodule {names} have no git repository that says of which commit they are",
        "the files of {count} submodules have no git repository that says of which commit they are ({names})",
    ),
    "sparse": (
        "{names} is not in this sparse checkout",
        "{count} files of the commit are not in this sparse checkout ({names})",
    ),
    "lfs": (
        "{names} is a Git LFS pointer without its content",
        "{count} files are Git LFS pointers without their content ({names})",
    ),
    "locked": (
        "{names} is encrypted, as git stores it",
        "{count} files are encrypted, as git stores them ({names})",
    ),
    "unwatched": (
        "{names} differs from the commit, which git was told not to notice",
        "{count} files differ from the commit, which git was told not to notice ({names})",
    ),
}
#: The hint for each kind of lack, on a CI system for which there is no hint of its own.
COMMANDS: Mapping[Lack, str] = {
    "submodules": "run `git submodule update --init --recursive`",
    "loose": "run `git submodule deinit --force PATH`, then `git submodule update --init --recursive`",
    "sparse": "run `git sparse-checkout disable`",
    "lfs": "run `git lfs pull`",
    "locked": "decrypt the clone with the tool that `.gitattributes` names, like `git-crypt unlock`",
    "unwatched": "`git update-index --no-assume-unchanged PATH`, or `--no-skip-worktree`, lets `git status` show it",
}
_NAMED = 3  # paths that the error names: enough to recognise the files, and the error stays readable


def read_by_build(paths: Sequence[str], reach: Reach, ignore: Ignore) -> list[str]:
    """The `paths` that an instruction reads and that the ignore file does not exclude."""
    return [path for path in paths if reach.source_of(path) is not None and not _is_hidden(path, ignore)]


def without_allowed(paths: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """The `paths` that are neither in `allowed` (the option `allow_missing`) nor below a path in `allowed`."""
    lifted = [path.strip("/").removeprefix("./") for path in allowed]
    return [path for path in paths if not any(path == one or path.startswith(f"{one}/") for one in lifted)]


def incomplete(
    lack: Lack, paths: Sequence[str], source: Source, remedies: Mapping[Lack, str]
) -> IncompleteTree:
    """The error for the missing `paths`; `source` reads the first.

    `remedies`: kind of lack -> a hint for the CI system.
    """
    one, several = _SAYS[lack]
    names = ", ".join(f"`{path}`" for path in paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")
    said = (one if len(paths) == 1 else several).format(names=names, count=len(paths))
    remedy = remedies.get(lack) or COMMANDS[lack]
    return IncompleteTree(
        f"{said}, and {source.where} reads {'it' if len(paths) == 1 else 'them'}: "
        f"`{source.keyword}` of `{source.text}`",
        hint=remedy
        if lack == "unwatched"
        else f"{remedy}; or, if the image can do without, `build: {{allow_missing: [{paths[0]}]}}`",
    )


def _is_hidden(path: str, ignore: Ignore) -> bool:
    # The pattern `vendor/lib/*` excludes all files of a submodule, but not the folder `vendor/lib` itself.
    return ignore.excludes(path) or ignore.excludes(f"{path}/any")
