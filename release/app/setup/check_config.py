"""`config check`: reads everything of the configuration that a release would read."""

from __future__ import annotations

import msgspec

from release.app.releases.decide import rules_of
from release.app.session import Session


class ConfigCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration without errors. `source`: the path of its file; None without a file."""

    source: str | None
    components: int


def check_config(session: Session) -> ConfigCheck:
    """Read the configuration and its tag rules. Raises `ConfigError` for the first error."""
    for component in session.config.components:
        if component.section.tags != "default":
            rules_of(component)
    return ConfigCheck(source=session.config.source, components=len(session.config.components))
