"""Reads the commits that are not released yet, with their parents and, on request, the files that they changed."""

from __future__ import annotations

from release.git.command import Git, understood
from release.ref_names import is_commit
from release.versions.commits import Commit

# Begins each commit in the output: `git log -z` puts files and commits into one list.
_MARK = "\x01"


def unreleased_commits(git: Git, head: str, since: str | None, *, paths: bool) -> tuple[Commit, ...]:
    """The commits of `head` that `since` lacks (None: all), newest first, children before their parents.

    `paths`: with the files that each commit changed; a merge has none. Takes one process.
    """
    span = head if since is None else f"{since}..{head}"
    # `--root`: `log.showRoot=false` lists no files of the first commit. `--ignore-submodules`: with `ignore` in
    # `.gitmodules` git leaves out that a commit moved a submodule.
    listed = ("--name-only", "--no-renames", "--root", "--ignore-submodules=none")
    files = listed if paths else ("--no-patch",)
    form = f"--format={_MARK}%H%x00%P%x00%B%x00"
    output = git.read("log", "-z", "--topo-order", *files, form, "--encoding=UTF-8", span, "--")
    with understood("the commits since the last release"):
        return tuple(_commits(output.decode("utf-8", "backslashreplace").split("\0")))


def _commits(fields: list[str]) -> list[Commit]:
    """The commits in git's list: id, parents, message, an empty field, and then each file."""
    found: list[Commit] = []
    at = 0
    while at < len(fields) and fields[at]:
        id_ = fields[at].removeprefix(_MARK)
        parents, message = fields[at + 1].split(), fields[at + 2].strip()
        at += 4
        files: list[str] = []
        # Git begins the first file with a line break.
        while at < len(fields) and fields[at] and not _begins(fields[at]):
            files.append(fields[at].removeprefix("\n") if not files else fields[at])
            at += 1
        found.append(Commit(id=id_, message=message, parents=tuple(parents), paths=tuple(files)))
    return found


def _begins(field: str) -> bool:
    """Whether a commit begins with the field.

    A file could have such a name, too. Nobody gives a file such a name by accident, and whoever commits the file could
    commit the message of the false commit as well.
    """
    return field.startswith(_MARK) and is_commit(field.removeprefix(_MARK))
