"""`prune explain`: says of one tag which rule decides about it, and what would change that. Only reads."""

from __future__ import annotations

from release.app.retention.gather import Unread, gather
from release.app.retention.places import places_of
from release.app.retention.reports import ExplainReport, PruneRequest
from release.app.session import Session
from release.errors import NotFound
from release.retention.explain import explain


def explain_tag(session: Session, tag: str, request: PruneRequest) -> ExplainReport:
    """Explain the decision about `tag` in each repository that has it. Raises `NotFound` if none has it."""
    session.require_trusted("prune explain")
    places = places_of(session, request)
    found = gather(session, places, lambda ground: explain(tag, ground.inventory, ground.decision))
    for one in found:
        if isinstance(one, Unread):
            raise one.error
    known = tuple(one for one in found if one is not None and not isinstance(one, Unread))
    if not known:
        names = ", ".join(f"`{place.name}`" for place in places[:3])
        raise NotFound(f"{names} has no tag `{tag}`", hint="`shipmark image list REPOSITORY` lists the tags")
    return ExplainReport(tag=tag, found=known)
