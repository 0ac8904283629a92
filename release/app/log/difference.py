"""Compares two releases of the log: what differs between them, and the commits that only one of them has."""

from __future__ import annotations

from release.app.log.named_releases import newest_named
from release.app.log.reports import Commit, DiffReport, DiffRequest
from release.app.log.scope import scope_of
from release.app.session import Session
from release.errors import ConfigError, RefusedError
from release.git.command import Git
from release.log import questions
from release.ref_names import is_commit


def difference(workspace: Session, request: DiffRequest) -> DiffReport:
    """The difference of two releases. Raises `ConfigError` for an unknown name, or if git lacks one of the commits.

    Raises `RefusedError` if the log has something else than a commit id for one of the releases.
    """
    scope = scope_of(workspace, project=request.project, all_projects=request.all_projects)
    old, new = (newest_named(workspace, name, scope) for name in (request.before, request.after))
    found = questions.difference(old, new)
    commits, removed = _commits(workspace, old.commit, new.commit)
    return DiffReport(
        **{name: getattr(found, name) for name in found.__struct_fields__},
        commits=commits,
        commits_removed=removed,
        names=(old.name, new.name),
    )


def _commits(workspace: Session, before: str, after: str) -> tuple[tuple[Commit, ...], tuple[Commit, ...]]:
    """The commits that only `after` has, and those that only `before` has, newest first."""
    for commit in (before, after):
        # Others can write to the log. Git would read a "commit" such as `--output=FILE` as an option and overwrite a
        # file.
        if not is_commit(commit):
            raise RefusedError(
                f"the log says `{commit[:80]}` where a commit id belongs",
                hint="`shipmark log show` shows the entries of the release; somebody with access changed the log",
            )
    git = Git(workspace.process, workspace.root, workspace.settings.env)
    # Both directions: an older release has no commits that the newer one lacks, and two lines may have some each.
    done = git.run("log", "-z", "--format=%m%x09%H%x09%s", f"{before}...{after}", "--")
    if done.code != 0:
        raise ConfigError(
            f"this clone lacks commit {before[:12]} or {after[:12]}",
            hint="fetch the history: `git fetch --unshallow --tags`",
        )
    found: dict[str, list[Commit]] = {">": [], "<": []}
    for row in done.stdout.decode("utf-8", "replace").split("\0"):
        if row:
            side, commit, subject = row.split("\t", 2)
            found[side].append(Commit(commit=commit, subject=subject))
    return tuple(found[">"]), tuple(found["<"])
