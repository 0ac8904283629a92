"""Git: the snapshot and other reads run `git` processes; `write` uses GitPython."""

from __future__ import annotations

from release.git.remote import Relation, is_ancestor, relation, remote_heads, remote_tags, remote_tip
from release.git.snapshot import snapshot

__all__ = ["Relation", "is_ancestor", "relation", "remote_heads", "remote_tags", "remote_tip", "snapshot"]
