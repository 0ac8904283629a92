"""Gives builders that push by digest the repositories of the targets, each with the credential that shipmark found."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from release.app.input_files import read_credentials
from release.errors import ConfigError
from release.image_names.locate import is_in_registry
from release.oci import Repository
from release.oci.reference import parse_repository
from release.plan.release_input import ReleaseInput, Target

if TYPE_CHECKING:
    from release.app.session import Session
    from release.build.buildkit.push import Login
    from release.registry.auth.credential import Credential


class SessionDestinations:
    """The `Destinations` of a session, whose run is trusted."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, name: str) -> Repository:
        """The repository, with the session's connections."""
        return self._session.registries.open(name)

    def is_insecure(self, name: str) -> bool:
        """Whether a target with the same host has `insecure: true`."""
        host = parse_repository(name).registry
        targets = [target for one in self._session.config.components for target in one.targets]
        return any(target.insecure and parse_repository(target.image).registry == host for target in targets)

    def login(self, name: str) -> Login | None:
        """The user's `config.json` with the credential for the repository; None if the programs find it by themselves.

        The credential may come from a variable, from Podman's file or from AWS, which BuildKit's programs do not read.
        """
        from release.build.buildkit.push import Login
        from release.registry.auth.docker_config import config_paths, has_secret, parse_auth_file, with_entry

        reference = parse_repository(name)
        found = self._session.registries.credentials().find(reference.registry, reference.repository)
        if found.kind == "anonymous":
            return None
        # The first path is Docker's, if there is one; the others are Podman's.
        path = next(iter(config_paths(self._session.settings.env)), "")
        own = None
        # A file that cannot be used was named in a warning when the credential was looked up; docker ignores it, too.
        with suppress(ConfigError):
            raw = read_credentials(path) if posixpath.basename(path) == "config.json" else None
            if raw is not None and has_secret(parse_auth_file(raw, path), reference.registry, found.secret):
                return None
            own = raw
        content = with_entry(own, reference.registry, _entry(found))
        return Login(content=content, secrets=(found.secret,))


def _entry(found: Credential) -> dict[str, str]:
    """The credential as one value of `auths` in Docker's `config.json`."""
    if found.kind == "identity":
        return {"identitytoken": found.secret}
    if found.kind == "bearer":
        return {"registrytoken": found.secret}
    return {"auth": base64.b64encode(f"{found.username}:{found.secret}".encode()).decode()}


def destination_of(subject: ReleaseInput) -> str | None:
    """The target to which a builder may push the image by digest: the first required one in a registry, or None.

    With `push: auto` only where the image need not come to this machine: no check runs on it, and all targets are in
    one registry, which can mount the layers from one repository in another.
    """
    targets = subject.targets
    first = next((one.name for one in targets if one.required and is_in_registry(one.name)), None)
    if subject.build.push == "by-client":
        return None
    # Checks can read the image back, but a check that fails should leave nothing in the registry.
    is_needed_here = bool(subject.checks) or not _in_one_registry(targets)
    return None if subject.build.push == "auto" and is_needed_here else first


def _in_one_registry(targets: Sequence[Target]) -> bool:
    return (
        all(is_in_registry(one.name) for one in targets)
        and len({parse_repository(one.name).registry for one in targets}) == 1
    )
