"""Lists the files that differ between earlier commits and one commit, in at most two processes for all commits."""

from __future__ import annotations

from collections.abc import Iterable

from release.git.command import Git, understood
from release.ref_names import is_commit


def changed_files(git: Git, head: str, earlier: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Map each commit to the files that differ between it and `head`; a renamed file counts as two files.

    Commits that the clone lacks are left out. `earlier`: commit ids; other texts, which image labels may contain, are
    left out too. Raises `GitError` if git fails.
    """
    asked = sorted({one for one in earlier if is_commit(one)})
    if not asked:
        return {}
    known = _commits(git, asked)
    # `diff-tree --stdin` takes a commit and its parents. With the earlier commit as the only parent it prints what
    # `git diff EARLIER HEAD` prints.
    lines = "".join(f"{head} {one}\n" for one in known).encode()
    options = ("--stdin", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--always", "--root")
    # With `ignore` in `.gitmodules`, git leaves out a submodule of which the two commits name different commits.
    submodules = "--ignore-submodules=none"
    output = git.read("diff-tree", *options, submodules, stdin=lines) if known else b""
    with understood("the files that changed"):
        fields = output.decode("utf-8", "backslashreplace").split("\0")[:-1]
        return dict(zip(known, _split(fields, head, len(known)), strict=True))


def _commits(git: Git, asked: Iterable[str]) -> list[str]:
    """The texts in `asked` that name commits of the clone."""
    output = git.read("cat-file", "--batch-check", stdin="".join(f"{one}\n" for one in asked).encode())
    rows = (line.split(" ") for line in output.decode("ascii", "replace").splitlines())
    return [row[0] for row in rows if row[1:2] == ["commit"]]


def _split(fields: list[str], head: str, count: int) -> list[tuple[str, ...]]:
    """The fields of each commit pair. Git begins each pair with the id of `head`; a file may have that name, too."""
    found: list[list[str]] = []
    for field in fields:
        if field == head and len(found) < count:
            found.append([])
        else:
            found[-1].append(field)
    return [tuple(one) for one in found]


def merge_base(git: Git, a: str, b: str) -> str | None:
    """The best common ancestor of two commits or refs; None without one, or where git fails (a missing commit)."""
    done = git.run("merge-base", a, b)
    text = done.stdout.decode("ascii", "replace").strip()
    return text if done.code == 0 and is_commit(text) else None
