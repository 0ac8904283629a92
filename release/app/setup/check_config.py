"""`config check`: reads everything of the configuration that a release would read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.app.log.open_log import sql_url
from release.app.releases.decide import rules_of
from release.app.releases.gathering.gather import image_checks
from release.app.retention.gather import whole_match
from release.app.retention.trash import trash_of
from release.app.session import Session
from release.build.embedded.programs import read_allowed
from release.build.extras.options import read_options
from release.config.component import Component
from release.config.load import Config
from release.config.model import LogSection
from release.inventory.in_use.sources import require_sources
from release.oci.image_json import wanted_platform
from release.retention.policy import policy_of


class ConfigCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration without errors. `source`: the path of its file; None without a file.

    `components`: how many were checked.
    """

    source: str | None
    components: int


def check_config(session: Session) -> ConfigCheck:
    """Read the configuration as commands do.

    Raises `ConfigError`, or `BuildError` for an option of `build:`; the first error counts.
    """
    config, components = session.config, session.components
    for component in components:
        if component.section.tags != "default":
            rules_of(component)
        for platform in component.build.platforms:
            wanted_platform(platform)
        read_options(component.build, session.root)
        read_allowed(component.build.foreign_binaries)
        image_checks(component)
        if (retention := component.section.retention) is not None:
            policy_of(retention, compile_pattern=whole_match, where=_where(config, component))
            require_sources(retention.in_use)
            for target in component.targets:
                trash_of(target.image, retention, project="", where=_where(config, component))
    for section in config.log:
        if section.store == "sql":
            require_database(section, session.settings.env)
    return ConfigCheck(source=session.config.source, components=len(components))


def _where(config: Config, component: Component) -> str:
    """The file, and in it the component where there are several."""
    return f"{config.source}: {component.name}" if config.has_components else str(config.source)


def require_database(section: LogSection, env: Mapping[str, str]) -> None:
    """Raise `ConfigError` if a SQL log has no URL, or one of an unknown database; opens no connection."""
    url = sql_url(section, env)
    try:
        from release.log.stores.sql.urls import parse_url
    except ImportError:
        return  # the packages of `shipmark[sql]` are not installed here
    parse_url(url)
