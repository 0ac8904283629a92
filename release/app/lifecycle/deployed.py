"""Records that an image runs in an environment."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from release.app.attempt_records import record_context
from release.app.lifecycle.promote_origin import Origin, origin_of
from release.app.log.anchor import warn_of_lost_entries
from release.app.session import Session
from release.errors import ConfigError
from release.events import Note
from release.log import Entry
from release.log.answers.scope import Scope
from release.log.records.members import object_of

# Characters of an environment's name. Longer than any real one (image tags have this limit, too); more would break the
# tables of `log show`.
_LONGEST_NAME = 128


class DeployedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`image`: a reference, or a version, git tag or digest of this project. `evidence`: such as a URL, or None."""

    environment: str
    image: str
    evidence: str | None = None


class DeployedReport(msgspec.Struct, frozen=True, kw_only=True):
    """`entry`: the position of the log entry that records the deployment. `recorded`: whether the entry is new.

    The entry is not new if the environment's last entry has an equal digest.
    """

    schema: Literal["shipmark.deployed/1"] = "shipmark.deployed/1"
    environment: str
    digest: str
    target: str
    entry: int
    recorded: bool


def _require_environment(name: str) -> None:
    """Raise `ConfigError` for a name that is empty or too long, begins or ends with a blank, or is not printable."""
    if name.isprintable() and name != name.strip():
        raise ConfigError(
            f"the environment `{name}` begins or ends with a blank",
            hint=f"write `{name.strip()}`: questions would take them for two environments",
        )
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise ConfigError(
            f"the environment must be a name of up to {_LONGEST_NAME} printable characters",
            hint="name it first, then the image: `shipmark deployed production ghcr.io/acme/app:1.4.2`",
        )


def deployed(workspace: Session, request: DeployedRequest) -> DeployedReport:
    """Record that the environment runs the digest that the image's reference has in the registry now.

    Records nothing if the environment's last entry has the same digest.
    """
    _require_environment(request.environment)
    workspace.require_trusted("deployed")
    warn_of_lost_entries(workspace)
    origin = origin_of(workspace, request.image)
    last = _last(workspace, request.environment, origin.project)
    if last is not None and object_of(last.fields, "image").get("digest") == origin.digest:
        workspace.sink.emit(Note(level="info", text=f"entry {last.seq} says that already"))
        return _report(request, origin, last, recorded=False)
    return _report(request, origin, _append(workspace, request, origin, last), recorded=True)


def _report(request: DeployedRequest, origin: Origin, entry: Entry, *, recorded: bool) -> DeployedReport:
    return DeployedReport(
        environment=request.environment,
        digest=origin.digest,
        target=origin.name,
        entry=entry.seq,
        recorded=recorded,
    )


def _append(workspace: Session, request: DeployedRequest, origin: Origin, last: Entry | None) -> Entry:
    held = origin.repository.resolve(origin.digest)
    fact: dict[str, Any] = {
        **record_context(workspace, workspace.entropy.token()),
        "kind": "deployed",
        "project": origin.project,
        "release": origin.release,
        "commit": origin.commit,
        "version": origin.build,
        "environment": request.environment,
        "image": {"digest": origin.digest, "media_type": held.media_type, "size": held.size},
        "target": origin.name,
        "evidence": request.evidence,
        # Two equal facts have one id and are recorded once. `follows` distinguishes the third of the
        # deployments A, B and A from the first.
        "follows": last.seq if last is not None else None,
    }
    return workspace.log.append([fact])[0]


def _last(workspace: Session, environment: str, project: str) -> Entry | None:
    """The newest deployment of the project to the environment; other projects call theirs `production`, too."""
    found = workspace.log_state.deployed(Scope(projects=frozenset({project})))
    place = (environment, project)
    return next(
        (
            entry
            for entry in reversed(found)
            if (entry.fields.get("environment"), entry.fields.get("project")) == place
        ),
        None,
    )
