"""Finds out what a git tag of a remote names, which `git ls-remote` does not say: a commit, a tree or a blob."""

from __future__ import annotations

from release.errors import GitError
from release.git.fetched_history import FetchedHistory
from release.lazy_pattern import pattern

# The header of an object in the output of `git cat-file --batch`, and in a tag object the type of what it names.
_HEADER = pattern(
    rb"[0-9a-f]+ (commit|tree|blob|tag) [0-9]+\n(?:object [0-9a-f]+\ntype (commit|tree|blob)\n)?"
)


def kind_of(fetched: FetchedHistory, git_tag: str) -> str:
    """The type of the object that a git tag names, itself or through an annotated tag; "" if it is not known.

    Fetches the tag and a commit or an object, without the commit's history and files.
    """
    try:
        header = _HEADER.match(fetched.tag(git_tag) or b"")
    except (OSError, TimeoutError, GitError):
        return ""
    kind = None if header is None else header[2] if header[1] == b"tag" else header[1]
    return (kind or b"").decode()
