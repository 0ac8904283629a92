"""The reasons for which rules in `shipmark.yml` may give other tags than the same rules in `shipmark metadata`.

The list was written before the two were compared for the first time. `test_config_and_metadata.py` counts their uses.
"""

from __future__ import annotations

from typing import Final

#: Reason -> what differs, and why it has to.
REASONS: Final = {
    "merge queue": "the queue's temporary branch gets no tag of its own: `events: as-action` gives it",
    "branch named like a release": "`branch-1.4`, since the branch's tag would overwrite the tag of a release",
    "unread version": "a git tag that looks like a version, and of which no rule makes a tag, is an error",
    "always default": "the action takes `create`, `issues` and `schedule` for the default branch, on any ref",
    "guard": "the guard withholds a tag that `shipmark metadata` does not guard",
    "nothing to release": "a closed request, a deleted ref and a draft release nothing: `events: as-action` gives tags",
    # Added after the first run of `test_every_event.py`, which has events that the first comparison lacked.
    "untold": "where the event does not say which repository the commit comes from, nothing is released",
    "cannot be pushed": "a tag that `metadata` gives and no registry accepts",
}
