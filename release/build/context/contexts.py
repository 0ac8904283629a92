"""Reads the context of a build once for all builders of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import msgspec

from release.build import BuildTask, BuildValues
from release.build.context.checkout import crlf_note, mode_note, with_links
from release.build.context.completeness import Lack, incomplete, read_by_build, without_allowed
from release.build.context.filters import Unfiltered, filter_notes, unfiltered
from release.build.context.folder import Context, other_dockerfile
from release.build.context.git_use import git_warnings, require_no_git
from release.build.context.layer_names import require_no_whiteout
from release.build.context.reach import Reach, reach_of
from release.build.context.recipe import open_whole, require_ignore_file
from release.build.context.selection import GIT_FOLDER, Selection, select
from release.build.context.sizes import size_warning
from release.build.context.sources import require_sources, require_usual
from release.build.context.tree import Tree
from release.build.context.walk import walk
from release.build.dockerfile.build_checks import check_notes
from release.build.dockerfile.stage_graph import target_stage
from release.compression.entries import HostFile, Inline
from release.control import Cancel
from release.errors import ConfigError, GitError
from release.events import Note, NullSink, Sink
from release.filesystem.files import read_file
from release.git.model import GitFiles
from release.git.work_tree import WorkTree
from release.oci.image_json import Platform, parse_platform, wanted_platform

_PYPROJECT = "pyproject.toml"
# Bytes of `pyproject.toml`, which is read whole, for a warning only. Real files have some kilobytes; of a larger one no
# warning is given.
_PYPROJECT_BYTES = 1 << 20
_PODMANS_IGNORE = ".containerignore"
_NAMED = 5  # stray files that a warning names: enough to recognise them, and the warning stays readable
_DEFAULT = parse_platform("linux/amd64")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A context that was read: its folders and Dockerfile, and the files that every builder sends."""

    context: Context
    chosen: Selection


class Contexts:
    """Reads contexts, and returns the same result for another builder with an equal task.

    `work_tree`: tells which files git tracks; None: git is not called, and the context has all files. `remedies`: hints
    for the run's CI system, by kind of lack (`submodules`, `sparse`, `lfs`). `judges_git`: False where the
    configuration's `keep_git` was not read, so that a Dockerfile may name `.git`; nothing is built there.
    """

    def __init__(
        self,
        *,
        sink: Sink | None = None,
        cancel: Cancel | None = None,
        work_tree: WorkTree | None = None,
        remedies: Mapping[Lack, str] | None = None,
        judges_git: bool = True,
    ) -> None:
        self._sink = sink or NullSink()
        self._check: Callable[[], None] = cancel.check if cancel is not None else lambda: None
        self._work_tree = work_tree
        self._remedies = remedies or {}
        self._judges_git = judges_git
        self._known: list[tuple[BuildTask, BuildValues, Read]] = []

    def read(self, task: BuildTask, values: BuildValues) -> Read:
        """The context of `task`.

        Raises `BuildError` for an error in the Dockerfile or the files, `IncompleteTree` for files of the commit
        that the build needs and the clone lacks, `GitError` if git fails.
        """
        for known_task, known_values, read in self._known:
            if (known_task, known_values) == (task, values):
                return read
        read = self._read(task, values)
        self._known.append((task, values, read))
        return read

    def _read(self, task: BuildTask, values: BuildValues) -> Read:
        context = open_whole(task, self._work_tree, self._remedies)
        target = target_stage(context.dockerfile, task.spec.target)
        platforms: Sequence[Platform] = [wanted_platform(text) for text in task.spec.platforms] or [_DEFAULT]
        reach = reach_of(context.dockerfile, task.spec.target, values.with_epoch(task.created), platforms)
        if self._judges_git and not task.spec.keep_git:
            require_no_git(reach)
        git = self._work_tree.files(context.folder) if self._work_tree is not None else None
        if git is None and self._work_tree is not None and task.spec.files == "tracked":
            raise GitError(
                f"`build: {{files: tracked}}`, but there is no git repository at `{context.root}`",
                hint="run in a clone, or set `build: {files: all}`",
            )
        walked = walk(context, check=self._check)
        if git is not None:
            require_ignore_file(task, context, git, self._remedies)
            walked = with_links(walked, git)
        chosen = _as_parsed(select(walked, git, task.spec.files), context)
        read = reach.through_links(chosen.files)
        stored = Unfiltered()
        if git is not None and self._work_tree is not None:
            stored = unfiltered(context, read, git, chosen, self._work_tree)
            self._require_complete(task, context, read, git, chosen, stored)
        require_usual(chosen, read)
        require_sources(context, chosen, reach)
        require_no_whiteout(chosen.files, read, reach.line_of(target.index))
        notes = [
            *self._warnings(task, context, reach, git, chosen),
            *self._differences(context, read, git, walked),
            *filter_notes(stored.others, context.shown),
            *check_notes(context.dockerfile),
        ]
        for note in notes:
            self._sink.emit(note)
        return Read(context=context, chosen=chosen)

    def _require_complete(
        self,
        task: BuildTask,
        context: Context,
        reach: Reach,
        git: GitFiles,
        chosen: Selection,
        stored: Unfiltered,
    ) -> None:
        absent = [path for path in git.skipped if chosen.files.get(path) is None]
        lacks: tuple[tuple[Lack, Sequence[str]], ...] = (
            ("submodules", git.missing),
            ("loose", git.loose),
            ("sparse", absent),
            ("lfs", stored.lfs),
            ("locked", stored.locked),
            ("unwatched", self._unnoticed(context, reach, git, chosen)),
        )
        for lack, paths in lacks:
            read = read_by_build(paths, reach, context.ignore)
            shown = {context.shown(path): path for path in read}
            left = (
                list(shown) if lack == "unwatched" else without_allowed(list(shown), task.spec.allow_missing)
            )
            source = reach.source_of(shown[left[0]]) if left else None
            if source is not None:
                raise incomplete(lack, left, source, self._remedies)

    def _unnoticed(self, context: Context, reach: Reach, git: GitFiles, chosen: Selection) -> Sequence[str]:
        """Files that the build reads and that differ from the commit, although `git status` shows no change."""
        present = [
            path
            for path in git.unwatched
            if (node := chosen.files.get(path)) is not None
            and isinstance(node.content, HostFile)
            and reach.source_of(path)
        ]
        if not present or self._work_tree is None:
            return []
        return self._work_tree.changed(context.folder, git, present)

    def _warnings(
        self, task: BuildTask, context: Context, reach: Reach, git: GitFiles | None, chosen: Selection
    ) -> Sequence[Note]:
        found = [
            size_warning(chosen),
            self._stray_files(context, git, chosen),
            _unread_ignore(context),
            other_dockerfile(task, context),
        ]
        is_missed = (
            self._judges_git
            and not task.spec.keep_git
            and not context.ignore.excludes(GIT_FOLDER)
            and os.path.lexists(os.path.join(context.folder, GIT_FOLDER))
        )
        if is_missed:
            found += git_warnings(reach, context.dockerfile.name, _pyproject(context))
        return [note for note in found if note is not None]

    def _differences(
        self, context: Context, reach: Reach, git: GitFiles | None, walked: Tree
    ) -> Sequence[Note]:
        """Warnings about differences from the commit that the configuration of this clone makes, and git hides."""
        if git is None or self._work_tree is None:
            return []
        crlf = self._work_tree.converted(context.folder, git) if git.settings.crlf else ()
        found = [mode_note(walked, git, reach, context.shown), crlf_note(crlf, reach, context.shown)]
        return [note for note in found if note is not None]

    def _stray_files(self, context: Context, git: GitFiles | None, chosen: Selection) -> Note | None:
        """The warning about files that git neither tracks nor ignores, since another clone does not have them."""
        if self._work_tree is None or git is None or not chosen.untracked:
            return None
        listed = self._work_tree.unignored(context.folder, git)
        names = {path for path in listed if not path.endswith("/")}
        folders = tuple(path for path in listed if path.endswith("/"))
        stray = [path for path in chosen.untracked if path in names or path.startswith(folders)]
        if not stray:
            return None
        shown = ", ".join(f"`{context.shown(path)}`" for path in stray[:_NAMED]) + (
            ", …" if len(stray) > _NAMED else ""
        )
        is_one = len(stray) == 1
        return Note(
            level="warning",
            text=f"{len(stray)} file{'' if is_one else 's'} in the build context {'is' if is_one else 'are'} neither "
            f"tracked nor ignored by git: {shown}",
            hint="commit, or name in `.gitignore` or `.dockerignore`; `build: {files: tracked}` leaves them out",
        )


def _unread_ignore(context: Context) -> Note | None:
    """The warning about an ignore file that only podman and buildah read: what it hides would be in the image."""
    if context.ignore_file is not None or not os.path.lexists(os.path.join(context.folder, _PODMANS_IGNORE)):
        return None
    return Note(
        level="warning",
        text=f"`{context.shown(_PODMANS_IGNORE)}` is not read, so that every builder gets the same files",
        hint="rename it to `.dockerignore`, which podman and buildah read, too",
    )


def _as_parsed(chosen: Selection, context: Context) -> Selection:
    """The selection with the parsed Dockerfile's bytes, so that a later change of the file has no effect."""
    path = context.dockerfile_path
    node = chosen.files.get(path) if path is not None else None
    if path is None or node is None or node.kind != "file":
        return chosen
    parsed = msgspec.structs.replace(node, content=Inline(data=context.text))
    return msgspec.structs.replace(chosen, files=chosen.files.with_changes({path: parsed}))


def _pyproject(context: Context) -> str:
    path = os.path.join(context.folder, _PYPROJECT)
    try:
        raw = read_file(path, limit=_PYPROJECT_BYTES, within=context.root)
    except (ConfigError, OSError):
        return ""  # an unreadable `pyproject.toml` counts as absent, since it is read for a warning only
    return (raw or b"").decode("utf-8", "replace")
