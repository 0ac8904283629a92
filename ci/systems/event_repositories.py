"""Finds whether the commit of an event is in this repository, from the event files of GitHub, Gitea and Forgejo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ci.systems.evidence import Evidence, Said

#: Levels of an event file that are searched for repositories. GitHub's events nest them less deeply; the limit keeps a
#: crafted event file from exhausting Python's recursion.
_DEEPEST = 12

#: Events whose commit is always in this repository. Their event files are not searched: a `head` in them that names
#: another repository is not about this commit.
_OWN = frozenset({"push", "create", "delete", "release", "schedule", "workflow_dispatch", "merge_group"})


def head_of_request(evidence: Evidence) -> Said | None:
    """Return `true` if a request's head is in another repository or a deleted one, else `false`; None: not known."""
    head = evidence.node("pull_request", "head")
    if not isinstance(head, Mapping) or "repo" not in head:
        return None
    if head["repo"] is None:
        return Said("true", "event.pull_request.head.repo")
    name = evidence.field("pull_request", "head", "repo", "full_name")
    own = _own_names(evidence)
    if name is None or not own:
        return None
    return Said("false" if own == {name.value.lower()} else "true", name.source)


def head_of_event(evidence: Evidence, event_name: str, *, on_a_ref: bool) -> Said | None:
    """Return `own`, `foreign` or `unknown` for an event that is not a request's; None if its commit counts as own.

    `on_a_ref`: whether the run has a branch or git tag of this repository; deployments may be of any commit.
    """
    if event_name in _OWN:
        return None
    own = _own_names(evidence)
    heads = list(_heads(evidence.node(), "event", _DEEPEST))
    for source, name in heads:
        if name is None or own != {name}:
            return Said("foreign" if own or name is None else "unknown", source)
    if event_name in ("deployment", "deployment_status"):
        return None if on_a_ref else Said("unknown", "GITHUB_REF")
    if event_name in ("commit_comment", "fork"):
        return Said("unknown", "GITHUB_EVENT_NAME")
    judge = _JUDGES.get(event_name)
    return judge(evidence) if judge is not None else None


def _of_workflow(evidence: Evidence) -> Said | None:
    named = evidence.field("workflow_run", "head_repository", "full_name")
    return Said("own", named.source) if named else Said("unknown", "event.workflow_run")


def _of_comment(evidence: Evidence) -> Said | None:
    """`unknown` for a comment on a pull request, whose event does not name the head's repository; None for an issue."""
    issue = evidence.node("issue")
    if not isinstance(issue, Mapping):
        return Said("unknown", "GITHUB_EVENT_NAME")
    return Said("unknown", "event.issue.pull_request") if issue.get("pull_request") is not None else None


def _of_check(evidence: Evidence, *path: str) -> Said | None:
    """`unknown` unless the check names the branch of its commit, as GitHub does only for this repository's branches."""
    return None if evidence.field(*path) else Said("unknown", ".".join(("event", *path)))


def _of_status(evidence: Evidence) -> Said | None:
    """`unknown` unless the status lists a branch of this repository that contains its commit."""
    branches = evidence.node("branches")
    known = isinstance(branches, list) and bool(branches)
    return None if known else Said("unknown", "event.branches")


_JUDGES: Mapping[str, Callable[[Evidence], Said | None]] = {
    "workflow_run": _of_workflow,
    "issue_comment": _of_comment,
    "check_run": lambda evidence: _of_check(evidence, "check_run", "check_suite", "head_branch"),
    "check_suite": lambda evidence: _of_check(evidence, "check_suite", "head_branch"),
    "status": _of_status,
}


def _own_names(evidence: Evidence) -> set[str]:
    """Return this repository's names in lower case, from several sources, which may contradict each other."""
    said = (
        evidence.variable("GITHUB_REPOSITORY"),
        evidence.field("repository", "full_name"),
        evidence.field("pull_request", "base", "repo", "full_name"),
    )
    return {one.value.lower() for one in said if one is not None}


def _heads(value: object, source: str, depth: int) -> Iterator[tuple[str, str | None]]:
    """Yield path and name of each `head.repo` and `head_repository` of an event; name None: a deleted repository."""
    if depth == 0:
        return
    if isinstance(value, list):
        for inner in value:
            yield from _heads(inner, source, depth - 1)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        where = f"{source}.{key}"
        if key == "head_repository" or (key == "repo" and source.endswith(".head")):
            name = inner.get("full_name") if isinstance(inner, Mapping) else None
            if inner is None or isinstance(name, str):
                yield where, None if inner is None else str(name).lower()
        yield from _heads(inner, where, depth - 1)
