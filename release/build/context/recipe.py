"""Refuses a build whose Dockerfile, ignore file or context folder is in the commit, and not in this clone.

Without this, a missing ignore file would go unnoticed, and the image would have what that file hides.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from release.build import BuildTask
from release.build.context.completeness import COMMANDS, Lack, without_allowed
from release.build.context.folder import IGNORE_FILE, Context, open_context
from release.errors import BuildError, IncompleteTree
from release.git.model import GitFiles
from release.git.work_tree import WorkTree


def open_whole(task: BuildTask, work_tree: WorkTree | None, remedies: Mapping[Lack, str]) -> Context:
    """Open the context as `open_context` does; raise `IncompleteTree` if the clone lacks what it is read from."""
    try:
        return open_context(task)
    except BuildError as error:
        root = os.path.realpath(task.root)
        git = work_tree.files(root) if work_tree is not None else None
        lacking = None if git is None else _lacks(_unread(task, root), git, remedies, str)
        if lacking is not None:
            raise lacking from error
        raise


def require_ignore_file(
    task: BuildTask, context: Context, git: GitFiles, remedies: Mapping[Lack, str]
) -> None:
    """Raise `IncompleteTree` if the clone lacks an ignore file that would come before the one that was read."""
    own = () if context.dockerfile_path is None else (f"{context.dockerfile_path}{IGNORE_FILE}",)
    paths = (*own, IGNORE_FILE)
    if context.ignore_file in paths:
        paths = paths[: paths.index(context.ignore_file)]
    absent = [path for path in paths if not os.path.lexists(os.path.join(context.folder, path))]
    wanted = [path for path in absent if without_allowed([context.shown(path)], task.spec.allow_missing)]
    if (lacking := _lacks(wanted, git, remedies, context.shown)) is not None:
        raise lacking


def _unread(task: BuildTask, root: str) -> list[str]:
    """The context folder and the possible Dockerfiles that are not on the disk, relative to the root."""
    context, dockerfile = task.spec.context, task.spec.dockerfile
    absent = [os.path.normpath(context)] if not os.path.isdir(os.path.join(root, context)) else []
    files = [os.path.normpath(path) for path in (dockerfile, os.path.join(context, dockerfile))]
    is_there = any(os.path.lexists(os.path.join(root, path)) for path in files)
    return absent if is_there else [*absent, *files]


def _lacks(
    paths: Sequence[str], git: GitFiles, remedies: Mapping[Lack, str], shown: Callable[[str], str]
) -> IncompleteTree | None:
    """The error for the first of `paths` that the commit may have; none of them is on the disk."""
    for path in paths:
        lack: Lack = "sparse"
        said = f"`{shown(path)}` is not in this sparse checkout, and the build is read from it"
        if not any(one == path or one.startswith(f"{path}/") for one in git.skipped):
            module = next((one for one in git.missing if f"{path}/".startswith(f"{one}/")), None)
            if module is None:
                continue
            lack = "submodules"
            said = f"the submodule `{shown(module)}` is not checked out, and the build is read from `{shown(path)}`"
        return IncompleteTree(said, hint=remedies.get(lack) or COMMANDS[lack])
    return None
