"""Asks each target what this run's credential may do there; leaves nothing behind."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from release.app.session import Session
from release.app.setup.doctor.attempts import attempt
from release.app.setup.doctor.scene import Broken, Probe, Unasked
from release.errors import Denied
from release.registry.rights import Health, Rights

_LAYOUT = "oci:"


def probes_of(session: Session) -> tuple[Probe, ...]:
    """One probe for each target of the configuration, in its order."""
    names = dict.fromkeys(target.image for one in session.config.components for target in one.targets)
    return tuple(
        _layout(session, name) if name.startswith(_LAYOUT) else _registry(session, name) for name in names
    )


def _layout(session: Session, name: str) -> Probe:
    found = attempt(lambda: session.registries.open(name).check_push())
    return Probe(image=name, push=found, layout=True)


def _registry(session: Session, name: str) -> Probe:
    rights = attempt(lambda: session.registries.rights(name))
    if isinstance(rights, Broken):
        return Probe(image=name, unreachable=rights)
    # Asked first: if the registry does not answer, each further question would wait as long for the same error.
    before = session.clock.now()
    health = attempt(lambda: _health(rights))
    after = session.clock.now()
    if isinstance(health, Broken):
        return Probe(image=name, unreachable=health)
    exists = attempt(rights.exists)
    return Probe(
        image=name,
        push=attempt(lambda: session.registries.open(name).check_push()),
        delete=_deletion(rights, exists),
        exists=None if isinstance(exists, Broken) else exists,
        skew=_skew(health.date, before, after),
        limits=health.limits,
    )


def _health(rights: Rights) -> Health:
    """The registry's date and limits; empty if it requires a credential, which the checks of rights report."""
    try:
        return rights.health()
    except Denied:
        return Health()


def _deletion(rights: Rights, exists: bool | Broken) -> Broken | Unasked | None:
    if exists is False:
        # Registries answer for a repository that does not exist as they like, so that would say nothing.
        return Unasked("the repository is empty or not made yet")
    return attempt(rights.require_deletion)


def _skew(date: str | None, before: int, after: int) -> float | None:
    """Seconds that the registry's clock is ahead of ours; 0 within the time that the answer took.

    before, after: milliseconds around the question. The header counts whole seconds.
    """
    if date is None:
        return None
    try:
        told = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    seconds = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    if before / 1000 - 1 <= seconds <= after / 1000 + 1:
        return 0.0
    return seconds - (before + after) / 2000
