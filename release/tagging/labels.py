"""The labels by which an image says which release it is, read into the values that the planner compares. Pure."""

from __future__ import annotations

from release.registry import ImageFacts
from release.tagging.model import Held

REVISION = "org.opencontainers.image.revision"
VERSION = "org.opencontainers.image.version"
#: `schema:sha256` of what the image was made from; see `release.plan.inputs`.
INPUTS = "dev.shipmark.inputs"
#: How `ImageFacts.disputed` and `Held.disputed` name a platform whose config contradicts the index.
PLATFORM = "platform"

#: What tells one release's image from another's.
TELLING = frozenset({REVISION, VERSION, INPUTS, PLATFORM})


def held_image(target: str, tag: str, digest: str, facts: ImageFacts | None) -> Held:
    """What `target` holds under `tag` (or by digest). `facts`: None for a manifest that is gone again."""
    if facts is None:
        return Held(target=target, tag=tag, state="held", digest=digest)
    return Held(
        target=target,
        tag=tag,
        state="held",
        digest=digest,
        revision=facts.labels.get(REVISION),
        version=facts.labels.get(VERSION),
        inputs=facts.labels.get(INPUTS),
        platforms=facts.platforms,
        disputed=tuple(name for name in facts.disputed if name in TELLING),
    )
