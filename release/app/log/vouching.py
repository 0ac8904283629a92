"""What `log adopt` and `log rebuild` know of a component, and `--as-commit`: which commit an image is.

With `--as-commit` somebody says it of images without labels.
"""

from __future__ import annotations

from release.app.component_policy import policy_of
from release.app.releases.known import project_of
from release.app.releases.request import require_said
from release.app.releases.version_tags import fixed_tag, moving_tags, shares_repository
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError
from release.log.rebuilt.identify import Origin
from release.versions.git_tags import versions_in
from release.versions.model import Version


def origin_of(session: Session, component: Component, vouched: str) -> Origin:
    """What is known of the component whose images are identified. `vouched`: as `vouched_by` returns it."""
    policy = policy_of(component)
    return Origin(
        project=project_of(session, component),
        component=component.name,
        scheme=policy.versions,
        git_tags=versions_in(session.git.completed(policy).tag_listing, policy.prefix, policy.versions),
        vouched=vouched,
        names=None if component.section.tags == "default" else TagsByRules(session, component),
    )


class TagsByRules:
    """The image tags that the rules of a component give versions: `Names`."""

    def __init__(self, session: Session, component: Component) -> None:
        self._session, self._component = session, component
        self.shared = shares_repository(session, component)

    def fixed(self, version: Version, rebuild: int) -> str:
        """See `Names.fixed`."""
        return fixed_tag(self._session, self._component, version, rebuild)

    def moving(self, version: Version) -> frozenset[str]:
        """See `Names.moving`."""
        return frozenset(tag.name for tag in moving_tags(self._session, self._component, version))


def vouched_by(*, as_commit: bool, reason: str | None) -> str:
    """The reason to take images as the commits of their git tags; empty without `as_commit`. Raises `ConfigError`."""
    if not as_commit:
        if reason is not None:
            raise ConfigError("`--reason` has no effect without `--as-commit`", hint="add `--as-commit`")
        return ""
    require_said(reason, "`--as-commit`")
    return str(reason).strip()
