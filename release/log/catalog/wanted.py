"""Which entries a question wants of those that the catalog finds: blocks have others, too. Pure."""

from __future__ import annotations

from collections.abc import Callable

from release.log.catalog.terms import STATUS_KINDS
from release.log.records.members import Fields, text_of

Wanted = Callable[[Fields], bool]


def is_any(fields: Fields) -> bool:
    """Every entry."""
    del fields
    return True


def has_release(fields: Fields) -> bool:
    """Entries that name a release."""
    return bool(text_of(fields, "release"))


def is_about_status(project: str, fields: Fields) -> bool:
    """Entries about the status of a project's versions."""
    return text_of(fields, "kind") in STATUS_KINDS and text_of(fields, "project") == project


def is_deployment(project: str, fields: Fields) -> bool:
    """A project's deployments."""
    return text_of(fields, "kind") == "deployed" and text_of(fields, "project") == project
