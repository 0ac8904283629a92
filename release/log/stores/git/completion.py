"""Makes a copy of a git log whole without its remote: the older commits out of the entries in its segments.

A runner fetches the newest commits of a long log, and segments for the entries before them. Git refuses to push such a
copy to a remote that has lost the older commits (`shallow update not allowed`). A commit is the same whoever writes it,
so those that are missing can be written again.
"""

from __future__ import annotations

from release.errors import LogError
from release.log import Head
from release.log.chain import head_of
from release.log.stores.git.history import FILE, History, described
from release.log.stores.git.private_repository import PrivateRepository
from release.log.stores.git.segments import Segments, Unfit


def complete(repository: PrivateRepository, history: History, segments: Segments, tip: str) -> bool:
    """Whether the private repository has every commit of the log that ends with `tip`, which may have to be written.

    False if the segments do not lead to the commits that are here, or if an earlier version of shipmark wrote the
    commits differently.
    """
    if not repository.is_shallow():
        return True
    try:
        commits = history.behind(None, tip)
        first, found = segments.before(commits)
        head, lines = Head(), []
        for segment in found:
            entries = segments.entries(segment, head)
            head = head_of(entries[-1])
            lines += [(one.raw + b"\n", *described(one)) for one in entries if one.seq < first]
        return repository.unshallow(commits[0][0], repository.store_commits(FILE, lines))
    except (Unfit, LogError):
        return False


def how_to_restore(
    repository: PrivateRepository, history: History, segments: Segments, tip: str, refspec: str
) -> str:
    """The hint for a remote that lost the log that ends with `tip`. `refspec`: what pushes the private repository's."""
    is_whole = complete(repository, history, segments, tip)
    lacks = "" if is_whole else ", which lacks older commits"
    unless = (
        ""
        if is_whole
        else "; where it answers `shallow update not allowed`, only a machine with a whole copy can"
    )
    return (
        f"this machine has a copy of the earlier log{lacks}: "
        f"`git --git-dir {repository.folder} push --force URL {refspec}` restores it, with the "
        f"remote's URL{unless}; if that was done on purpose, `shipmark cache clean` deletes the copy"
    )
