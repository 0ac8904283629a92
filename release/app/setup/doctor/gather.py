"""Reads what the checks of `doctor` look at: git, the config, CI files; registries and builders by other modules."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from release.app.component_policy import policy_of
from release.app.session import Session
from release.app.setup.check_config import require_database
from release.app.setup.doctor.attempts import attempt
from release.app.setup.doctor.ci_files import read_ci_files
from release.app.setup.doctor.configs import other_configs
from release.app.setup.doctor.scene import Broken, Build, Clone, LogPlace, OtherConfig, Probe, Scene, Unasked
from release.config.model import LogSection
from release.filesystem.workspace_paths import is_within
from release.git.command import Git
from release.git.credentials import credentials_of
from release.git.model import Snapshot
from release.tagging.model import TagPolicy
from release.versions.git_tags import versions_in
from release.versions.semver import parse_tag_name
from release.versions.tag_listing import names_of

_VARIABLES = ("SHIPMARK_REF", "SHIPMARK_SHA", "SHIPMARK_EVENT", "SHIPMARK_CACHE_DIR")
#: Systems whose agents stay, so that a cache outside of the container would be there for the next job. The runners of
#: the others are new machines.
_STAYING = frozenset(
    "buildkite drone forgejo gitea gitlab jenkins tekton woodpecker".split()  # noqa: SIM905  # quoted names would hide the list
)
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")  # made by Docker and by podman
_NO_CONFIG = Unasked("the configuration cannot be read")


def gather(session: Session, *, offline: bool, action_inputs: Mapping[str, frozenset[str]]) -> Scene:
    """Read everything that this run may read; the rest has the reason in its place.

    In a run that is not trusted, nothing is asked that the workspace names: no registry, remote, builder or log.
    """
    trust = session.trust
    closed = None if trust.trusted else Unasked(f"this run is not trusted: {trust.reason}")
    away = closed or (Unasked("`--offline`") if offline else None)
    config = attempt(lambda: session.config)
    lacking = _NO_CONFIG if isinstance(config, Broken) else None
    files = read_ci_files(session.root)
    return Scene(
        system=session.ci.system,
        variables=_variables(session.settings.env),
        container=session.ci.system in _STAYING and _in_container(session.settings.env),
        git=attempt(lambda: _git_version(session)),
        clone=attempt(lambda: _clone(session, away, readable=lacking is None)),
        config=config if isinstance(config, Broken) else None,
        config_path="" if isinstance(config, Broken) else config.source or "",
        workflows=files.workflows,
        tasks=files.tasks,
        unread=files.unread,
        log=lacking or closed or _log(session, away),
        builds=lacking or away or _builds(session),
        probes=lacking or away or _probes(session),
        configs=_configs(session),
        action_inputs=action_inputs,
    )


def _builds(session: Session) -> tuple[Build, ...]:
    from release.app.setup.doctor.builds import builds_of  # imported late: builders take a while to import

    return builds_of(session)


def _probes(session: Session) -> tuple[Probe, ...]:
    from release.app.setup.doctor.probes import (
        probes_of,
    )  # imported late: an HTTP client takes a while to import

    return probes_of(session)


def _variables(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that checks read; of a token only its name."""
    found = {name: env[name] for name in _VARIABLES if name in env}
    return found | ({"SHIPMARK_LOG_TOKEN": ""} if env.get("SHIPMARK_LOG_TOKEN") else {})


def _in_container(env: Mapping[str, str]) -> bool:
    return "KUBERNETES_SERVICE_HOST" in env or any(os.path.exists(path) for path in _CONTAINER_FILES)


def _git_version(session: Session) -> str:
    said = Git(session.process, session.root, session.settings.env).read("--version")
    return said.decode("utf-8", "replace").strip()


def _clone(session: Session, away: Unasked | None, *, readable: bool) -> Clone:
    policies = [policy_of(one) for one in session.config.components] if readable else [TagPolicy()]
    plain = [msgspec.structs.replace(policy, counted=False) for policy in policies]
    taken = session.git.snapshot(plain[0])
    settings = credentials_of(session.process, session.root, session.settings.env).settings
    return Clone(
        shallow=taken.shallow,
        versions=len(
            {
                tag.git_tag
                for one in plain
                for tag in versions_in(taken.tag_listing, one.prefix, one.versions).tags
            }
        ),
        remote=taken.remote,
        persisted=any(key.lower().endswith(".extraheader") for key, _ in settings),
        missing=away or _missing(session, taken, plain),
    )


def _missing(session: Session, taken: Snapshot, policies: list[TagPolicy]) -> tuple[str, ...] | Unasked:
    """The version tags of the remote that the clone lacks."""
    remote = session.git.remote
    if remote.state == "no remote":
        return Unasked("the clone has no remote")
    if remote.state != "answered":
        return Unasked(remote.cause or "not asked")
    new = remote.tags.keys() - set(names_of(taken.tag_listing))
    return tuple(
        sorted(
            name for name in new if any(parse_tag_name(name, one.prefix, one.versions) for one in policies)
        )
    )


def _log(session: Session, away: Unasked | None) -> LogPlace | Unasked:
    section = session.config.log[0]
    path = os.path.normpath(os.path.join(session.root, section.path))
    asked: Unasked | Broken | None = away if section.store != "file" else None
    if section.store == "sql":  # what the URL says needs no connection
        missing = attempt(lambda: require_database(section, session.settings.env))
        asked = missing if isinstance(missing, Broken) else asked
    return LogPlace(
        store=section.store,
        path=section.path,
        in_workspace=section.store == "file" and is_within(path, os.path.abspath(session.root)),
        tracked=section.store == "file" and _is_tracked(session, section),
        writable=asked or attempt(lambda: session.log.store.check_writable()),
    )


def _is_tracked(session: Session, section: LogSection) -> bool:
    done = Git(session.process, session.root, session.settings.env).run("ls-files", "-z", "--", section.path)
    return done.code == 0 and bool(done.stdout)


def _configs(session: Session) -> tuple[OtherConfig, ...]:
    found = attempt(lambda: other_configs(session))
    return () if isinstance(found, Broken) else found
