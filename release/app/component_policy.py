"""The components of the config as commands use them: their targets, and how their tags are chosen."""

from __future__ import annotations

from release.config.component import Component
from release.tagging.model import TagPolicy


def policy_of(component: Component) -> TagPolicy:
    """The tag policy of the component, such as version scheme, prefix, and the rules for `latest` and channels."""
    section = component.section
    return TagPolicy(
        prefix=section.prefix,
        versions=section.versions,
        latest=section.latest,
        pull_requests=section.pull_requests,
        base=section.base,
        channels=section.channels,
        as_action=section.events == "as-action",
        ignore_tags=section.ignore_tags,
        release_on=section.release_on,
        other_prefixes=component.other_prefixes,
        follows_default_branch=section.latest == "default-branch" or section.tags != "default",
    )
