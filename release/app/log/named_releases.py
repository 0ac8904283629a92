"""The releases that a name in a question about the log means."""

from __future__ import annotations

from release.app.log.tag_holders import holders, holds_of
from release.app.session import Session
from release.errors import ConfigError
from release.log.answers.scope import EVERYTHING, Scope
from release.log.state import ReleaseState


def newest_named(workspace: Session, name: str, scope: Scope) -> ReleaseState:
    """The newest release that `name` means: of the builds of a version or git tag, the one with exactly this name.

    A tag means the release that holds it now; on several targets, the newest of those.
    """
    view, name = workspace.log_state, plain_name(name)
    found = holders(view, holds_of(view, name, scope), scope) or releases_named(workspace, name, scope)
    own = [one for one in found if one.name == name or (one.git_tag == name and not one.rebuild)]
    return (own or found)[-1]


def plain_name(text: str) -> str:
    """The digest in a reference such as `run` prints, `ghcr.io/acme/app:1.4.2@sha256:…`; any other text as it is."""
    return text.rpartition("@")[2] if "@sha256:" in text else text


def releases_named(workspace: Session, name: str, scope: Scope) -> tuple[ReleaseState, ...]:
    """The releases that `name` means, oldest first. Raises `ConfigError` if there is none.

    `name`: a version, git tag, image tag, digest, commit or release key.
    """
    found = workspace.log_state.named(name, scope)
    if not found:
        others = {one.project for one in workspace.log_state.named(name, EVERYTHING)}
        hint = "`shipmark log list` lists the recorded releases"
        if others:
            hint = f"another project has one, `{min(others)}`: `--project NAME` or `--all-projects` asks about it"
        raise ConfigError(f"the log has no release `{name}`", hint=hint)
    # A branch's build of a commit with a git tag has the version of the tag, too, and is not that version's release.
    released = [one for one in found if not one.between_releases]
    if any(name in (one.version, one.name, one.git_tag) for one in released):
        return tuple(one for one in found if not one.between_releases or name not in (one.version, one.name))
    return found
