"""Turns the findings of any CI system into a `CiContext`: a git tag overrides a request, a request a branch."""

from __future__ import annotations

import re
from typing import get_args

from ci.context import CiContext, CiRun, Conclusion, Gone, HeadOrigin, PullRequest
from ci.systems.evidence import Findings, Said
from ci.systems.refs import public_url, repository_name

_COMMIT = r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}"
_ZEROS = r"0{40}(?:0{24})?"
_NUMBER = r"0*[1-9][0-9]{0,17}"

_REQUESTS = ("pull-request", "pull-request-target")
ORIGINS: tuple[HeadOrigin, ...] = get_args(HeadOrigin)
GONE: tuple[Gone, ...] = get_args(Gone)

#: Prefix of the branches of GitHub's merge queue. Other CI systems that build GitHub repositories see them too.
_QUEUE = "gh-readonly-queue/"


class _Record:
    """Collects the conclusions of one context: each value with its source."""

    def __init__(self) -> None:
        self.lines: list[Conclusion] = []

    def take(self, field: str, said: Said | None, value: str | None) -> str | None:
        """Record `field` = `value` with the source of `said`, and return `value`."""
        if said is not None and value is not None:
            self.lines.append(Conclusion(field=field, value=value, variable=said.source))
        return value

    def text(self, field: str, said: Said | None) -> str | None:
        """Record the value of `said` unchanged, and return it."""
        return self.take(field, said, said.value if said else None)

    def commit(self, field: str, said: Said | None) -> str | None:
        """Record a full commit id, and return it in lower case; None for `HEAD`, abbreviated ids, and zeros only."""
        text = said.value.strip() if said is not None else ""
        full = text and re.fullmatch(_COMMIT, text) and not re.fullmatch(_ZEROS, text)
        return self.take(field, said, said.value.strip().lower() if said and full else None)

    def url(self, field: str, said: Said | None) -> str | None:
        """Record a URL without its credentials, and return it."""
        return self.take(field, said, public_url(said.value) if said else None)


def assemble(system: str, marker: Said, found: Findings, warnings: tuple[str, ...] = ()) -> CiContext:
    """Return the context for the findings of a system. `marker`: the variable that identified the system."""
    record = _Record()
    record.take("system", marker, system)
    name = record.text("name", found.name)
    git_tag = record.text("git_tag", found.git_tag)
    sign = _sign_of_request(found)
    number = None if git_tag or _no_request(found.number) else found.number
    request = _request(found, number, record)
    if number is not None and request is None:
        warnings += (f"`{number.source}` holds no request number: taken for a request without one",)
    branch = None if git_tag or sign else record.text("branch", found.branch)
    is_named = git_tag is not None or sign is not None or branch not in (None, _value(found.ref_name))
    ref_name = None if is_named else record.text("ref_name", found.ref_name)
    merge_queue = _merge_queue(found, branch, record)
    default_branch, is_default = _default(found, branch, record)
    url = record.url("repository_url", found.repository_url)
    named = record.text("repository", found.repository)
    return CiContext(
        system=system,
        name=name,
        event=_event(found, git_tag, branch, merge_queue, is_request=sign is not None),
        event_name=record.text("event_name", found.event_name),
        commit=record.commit("commit", found.commit),
        branch=branch,
        git_tag=git_tag,
        ref_name=ref_name,
        base_ref=None if git_tag is None else record.text("base_ref", found.base_ref),
        gone=_gone(found, record),
        prerelease=_box(found, record),
        head_origin=_head_origin(found, git_tag, sign, record),
        pull_request=request,
        merge_queue=merge_queue,
        default_branch=default_branch,
        is_default_branch=is_default,
        repository_url=url,
        repository=named or (repository_name(url) if url else None),
        run=_run(found, record),
        concluded=tuple(record.lines),
        warnings=warnings + found.warnings,
    )


def _value(said: Said | None) -> str | None:
    return said.value if said is not None else None


def _no_request(number: Said | None) -> bool:
    """Whether `number` names no request: it is missing, `false` or `0`."""
    return number is None or number.value.strip().lower() in ("false", "0")


def _sign_of_request(found: Findings) -> Said | None:
    """Return the finding that shows a pull or merge request: its number, the event or a fork; None if nothing does."""
    if not _no_request(found.number):
        return found.number
    if found.trigger in _REQUESTS:
        return found.event_name or found.request or Said(found.trigger, "the event")
    if found.fork is not None and found.fork.value != "false":
        return found.fork
    return found.request


def _head_origin(
    found: Findings, git_tag: str | None, sign: Said | None, record: _Record
) -> HeadOrigin | None:
    """Return the origin of the head. `fork` = `true` overrides every other finding."""
    if found.fork is not None and found.fork.value == "true":
        return _origin("foreign", found.fork, record)
    if sign is None or (git_tag is not None and found.trigger not in _REQUESTS):
        said = found.head_origin
        for origin in ORIGINS:
            if said is not None and said.value == origin:
                return _origin(origin, said, record)
        return None
    if found.fork is not None and found.fork.value == "false":
        return _origin("own", found.fork, record)
    return _origin("unknown", found.fork or sign, record)


def _gone(found: Findings, record: _Record) -> Gone | None:
    """Return why the run has nothing to build. A commit of zeros only: the push deleted its branch or git tag."""
    said = found.gone
    if said is None and found.commit is not None and re.fullmatch(_ZEROS, found.commit.value.strip()):
        said = Said("ref-deleted", found.commit.source)
    for gone in GONE:
        if said is not None and said.value == gone:
            record.take("gone", said, gone)
            return gone
    return None


def _box(found: Findings, record: _Record) -> bool | None:
    said = found.prerelease
    if said is None or said.value not in ("true", "false"):
        return None
    return record.take("prerelease", said, said.value) == "true"


def _origin(origin: HeadOrigin, said: Said, record: _Record) -> HeadOrigin:
    record.take("head_origin", said, origin)
    return origin


def _request(found: Findings, said: Said | None, record: _Record) -> PullRequest | None:
    if said is None or not re.fullmatch(_NUMBER, said.value):
        return None
    number = int(said.value)
    record.take("pull_request.number", said, str(number))
    fork = found.fork.value if found.fork and found.fork.value in ("true", "false") else None
    record.take("pull_request.fork", found.fork, fork)
    return PullRequest(
        number=number,
        head_sha=record.commit("pull_request.head_sha", found.head_sha),
        base_sha=record.commit("pull_request.base_sha", found.base_sha),
        source_branch=record.text("pull_request.source_branch", found.source_branch),
        target_branch=record.text("pull_request.target_branch", found.target_branch),
        fork={"true": True, "false": False}.get(fork or ""),
    )


def _merge_queue(found: Findings, branch: str | None, record: _Record) -> bool:
    said = found.merge_queue
    named = found.branch if branch is not None else found.ref_name
    if said is None and named is not None and named.value.startswith(_QUEUE):
        said = named
    return record.take("merge_queue", said, "true" if said else None) is not None


def _default(found: Findings, branch: str | None, record: _Record) -> tuple[str | None, bool | None]:
    """Return the default branch, and whether this run is on it."""
    name = record.text("default_branch", found.default_branch)
    if name is None and branch is not None and found.primary is not None and found.primary.value == "true":
        name = record.take("default_branch", found.primary, branch)
    if branch is None or name is None:
        return name, None
    return name, branch == name


def _event(
    found: Findings, git_tag: str | None, branch: str | None, merge_queue: bool, *, is_request: bool
) -> str:
    if merge_queue:
        return "merge-queue"
    if (is_request and git_tag is None) or found.trigger in _REQUESTS:
        return "pull-request-target" if found.trigger == "pull-request-target" else "pull-request"
    if found.trigger in ("schedule", "manual", "other"):
        return found.trigger
    if git_tag is not None:
        return "tag"
    return "other" if branch is None else "push"


def _run(found: Findings, record: _Record) -> CiRun:
    return CiRun(
        id=record.text("run.id", found.run_id),
        attempt=record.text("run.attempt", found.attempt),
        job=record.text("run.job", found.job),
        url=record.url("run.url", found.run_url) if found.run_url else None,
        actor=record.text("run.actor", found.actor),
    )
