"""`--as-commit` of `log adopt` and `log rebuild`: somebody says which commit an image without labels is."""

from __future__ import annotations

from release.app.releases.request import require_said
from release.errors import ConfigError


def vouched_by(*, as_commit: bool, reason: str | None) -> str:
    """The reason to take images as the commits of their git tags; empty without `as_commit`. Raises `ConfigError`."""
    if not as_commit:
        if reason is not None:
            raise ConfigError("`--reason` has no effect without `--as-commit`", hint="add `--as-commit`")
        return ""
    require_said(reason, "`--as-commit`")
    return str(reason).strip()
