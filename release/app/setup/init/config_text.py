"""The text of a new `shipmark.yml`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from release.app.setup.init.convert.model import Draft
from release.app.setup.init.yaml_text import mapping_lines

#: Keys that a component may take from the top level, where all components agree.
_SHARED = frozenset(
    {"image", "images", "tags", "events", "flavor", "labels", "annotations", "build", "pull_requests"}
)


def config_text(drafts: Sequence[Draft], more: dict[str, Any]) -> str:
    """One component at the top level, several below `components:`, with what they have in common above.

    `more`: further keys of the top level.
    """
    if len(drafts) == 1:
        return "\n".join([*mapping_lines({**drafts[0].section, **more}), ""])
    first = drafts[0].section
    common = {
        key: value
        for key, value in first.items()
        if key in _SHARED and all(one.section.get(key) == value for one in drafts)
    }
    components = {
        one.name: {key: value for key, value in one.section.items() if key not in common} for one in drafts
    }
    return "\n".join([*mapping_lines({**common, "components": components, **more}), ""])
