"""What a target says of one tag, as a step needs it: read now, or an error."""

from __future__ import annotations

from release.registry import Repository
from release.registry.inspect import image_facts
from release.tagging.model import Held

REVISION = "org.opencontainers.image.revision"
VERSION = "org.opencontainers.image.version"


def hold(repository: Repository, target: str, tag: str) -> Held:
    """`free` or `held`, with the labels of what is held. Raises from the `RegistryError` branch: never unknown."""
    descriptor = repository.resolve(tag)
    facts = None if descriptor is None else image_facts(repository, descriptor.digest)
    if descriptor is None or facts is None:
        return Held(target=target, tag=tag, state="free")
    return Held(
        target=target,
        tag=tag,
        state="held",
        digest=descriptor.digest,
        revision=facts.labels.get(REVISION),
        version=facts.labels.get(VERSION),
        platforms=facts.platforms,
    )
