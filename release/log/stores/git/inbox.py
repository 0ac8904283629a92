"""Facts on their way to a git log: a writer that lost a race leaves its facts to the next one, under a ref of its own.

Such a ref cannot conflict with another one, so the writer need not win a race itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.canonical_json import canonical
from release.decoding import decode
from release.errors import LogError
from release.log.identity import fact_id
from release.log.stores.git.outcome import Push
from release.log.stores.git.remote import GitRemote

_REFS = "refs/shipmark/inbox"
_FETCHED = "refs/fetched-inbox"
_FILE = "facts.json"


class Inbox:
    """The parked facts on `remote`, as the latest fetch found them. Each method locks the private repository."""

    #: Fetches what is parked.
    refspec = f"+{_REFS}/*:{_FETCHED}/*"

    def __init__(self, remote: GitRemote) -> None:
        self._remote = remote
        # Name of parked facts: commit that holds them.
        self._parked: dict[str, str] = {}

    def saw(self, refs: Mapping[str, str]) -> None:
        """Remember what a fetch found. `refs`: of the private repository, with their commits."""
        start = f"{_FETCHED}/"
        self._parked = {
            ref.removeprefix(start): commit for ref, commit in refs.items() if ref.startswith(start)
        }

    def park(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """See `PendingStore.park`. The outcome of the push is ignored."""
        with self._remote.exclusive():
            content = canonical([dict(fact) for fact in facts]) + b"\n"
            commit = self._remote.store_commit(_FILE, content, None, "facts on their way\n", 0)
            self._remote.push(f"{commit}:{_REFS}/{_name_of(facts)}")

    def parked(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """See `PendingStore.parked`; () for a commit that holds no list of facts."""
        found = {}
        with self._remote.exclusive():
            for name, commit in self._parked.items():
                try:
                    content = self._remote.read("cat-file", "blob", f"{commit}:{_FILE}")
                    found[name] = decode(content, tuple[dict[str, Any], ...])
                except (LogError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    found[name] = ()
        return found

    def unpark(self, names: Sequence[str]) -> None:
        """See `PendingStore.unpark`. Another writer may have removed them already."""
        if names:
            with self._remote.exclusive():
                self._remote.push(*(f":{_REFS}/{name}" for name in names))

    def probe(self) -> Push:
        """What comes of pushing a commit, as a dry run."""
        with self._remote.exclusive():
            commit = self._remote.store_commit("probe", b"", None, "may this be pushed?\n", 0)
            (push,) = self._remote.push(f"{commit}:{_REFS}/probe", dry_run=True)
            return push


def _name_of(facts: Sequence[Mapping[str, Any]]) -> str:
    """A name that is equal for equal facts: parking them twice has no further effect."""
    return "-".join(fact_id(dict(fact))[:12] for fact in facts[:8])
