"""What a target says of one tag or digest, as a step needs it: read now, or an error."""

from __future__ import annotations

from release.oci import Repository
from release.oci.image_config import image_facts
from release.tagging.labels import held_image
from release.tagging.model import Held


def read_tag(repository: Repository, target: str, tag: str, *, every: bool = False) -> Held:
    """`free` or `held`, with the labels of what is held. Raises from the `RegistryError` branch: never unknown.

    `every`: read all platforms of an index, as whoever judges whether it is this release must.
    """
    descriptor = repository.resolve(tag)
    facts = None if descriptor is None else image_facts(repository, descriptor.digest, every=every)
    if descriptor is None or facts is None:
        return Held(target=target, tag=tag, state="free")
    return held_image(target, tag, descriptor.digest, facts)
