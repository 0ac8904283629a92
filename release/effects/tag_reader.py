"""What a target says of one tag or digest, as a step needs it: read now, or an error."""

from __future__ import annotations

from release.oci import ImageFacts, Repository
from release.oci.image_config import image_facts
from release.tagging.labels import held_image
from release.tagging.model import Held


class TagReader:
    """Reads tags. What a tag points at is asked each time; the labels of a digest are read once in a run.

    May be used from several threads: at worst two of them read the labels of one digest.
    """

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str, bool], ImageFacts] = {}

    def read(self, repository: Repository, target: str, tag: str, *, every: bool = False) -> Held:
        """`free` or `held`, with the labels of what is held. Raises from the `RegistryError` branch: never unknown.

        `target`: how the plan calls the repository. `every`: read all platforms of an index, as is needed to judge
        whether it is this release.
        """
        descriptor = repository.resolve(tag)
        facts = None if descriptor is None else self._facts_of(repository, descriptor.digest, every=every)
        if descriptor is None or facts is None:
            return Held(target=target, tag=tag, state="free")
        return held_image(target, tag, descriptor.digest, facts)

    def _facts_of(self, repository: Repository, digest: str, *, every: bool) -> ImageFacts | None:
        # By repository too: that one of them can serve an image says nothing of another.
        key = (repository.name, digest, every)
        facts = self._facts.get(key) or image_facts(repository, digest, every=every)
        if facts is not None:
            self._facts[key] = facts
        return facts
