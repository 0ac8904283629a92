"""Finds out which credential is used for a repository, and whether it may read and push."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from release.app.session import Session
from release.errors import Denied, ReleaseError
from release.image_names.image_location import ImageLocation
from release.image_names.locate import locate_target
from release.registry.auth.credential import Credential, Tried


class LoginCheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`image`: a reference to a registry, or to a layout, which needs no credential."""

    image: str


class LoginCheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """The credential of a repository and its rights. `source`: where the credential was found.

    `kind`: `anonymous`, `basic`, `identity` or `bearer`; `none` for a layout. `key`: the key of the file that named the
    credential. `tried`: where it was looked for, in order.
    """

    schema: Literal["shipmark.login-check/1"] = "shipmark.login-check/1"
    repository: str
    kind: str
    username: str | None
    source: str
    read: bool
    push: bool
    key: str | None = None
    tried: tuple[Tried, ...] = ()


class LoginCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The report, and the registry's error if it refuses pushes."""

    report: LoginCheckReport
    refusal: ReleaseError | None


def login_check(workspace: Session, request: LoginCheckRequest) -> LoginCheckReport:
    """Check the credential by listing the tags, and by beginning an upload and cancelling it.

    For a layout, check that its folder can be read and written. The credential itself is never shown.
    """
    return check_login(workspace, request).report


def check_login(workspace: Session, request: LoginCheckRequest) -> LoginCheck:
    """Like `login_check`, but also returns the registry's error if it refuses pushes."""
    location = locate_target(workspace, request.image)
    found, tried = _credential(workspace, location)
    read, _ = _allowed(location.repository.tags)
    push, refusal = _allowed(location.repository.check_push)
    report = LoginCheckReport(
        repository=location.name,
        kind="none" if found is None else found.kind,
        username=None if found is None else found.username or None,
        source="a folder needs none" if found is None else found.source,
        read=read,
        push=push,
        key=None if found is None else found.key or None,
        tried=tried,
    )
    return LoginCheck(report=report, refusal=refusal)


def _credential(workspace: Session, location: ImageLocation) -> tuple[Credential | None, tuple[Tried, ...]]:
    """The credential of a repository, and where it was looked for; None for a layout."""
    if location.registry is None or location.mount is None:
        return None, ()
    credentials = workspace.registries.credentials()
    found = credentials.find(location.registry, location.mount)
    return found, credentials.tried(location.registry, location.mount)


def _allowed(ask: Callable[[], object]) -> tuple[bool, ReleaseError | None]:
    """Whether the registry allows the request `ask`, and its refusal. Errors other than `Denied` are raised."""
    try:
        ask()
    except Denied as error:
        return False, error
    return True, None
