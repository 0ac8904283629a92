"""Git: the snapshot and other reads run `git` processes; `write` uses GitPython."""

from __future__ import annotations

from release.git.model import RemoteRefs
from release.git.remote import Relation, is_ancestor, relation, remote_refs, remote_tip
from release.git.snapshot import snapshot

__all__ = ["Relation", "RemoteRefs", "is_ancestor", "relation", "remote_refs", "remote_tip", "snapshot"]
