"""Reads what a tag or digest holds on a target, with the labels of the image."""

from __future__ import annotations

from release.oci import ImageFacts, Repository
from release.oci.image_config import image_facts
from release.tagging.labels import held_image
from release.tagging.model import Held


class TagReader:
    """Reads tags: resolves a tag anew on each call, but reads the labels of a digest only once in a run.

    Thread-safe without a lock: at worst two threads read the labels of one digest, and store equal values.
    """

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str, bool], ImageFacts] = {}

    def read(self, repository: Repository, target: str, tag: str, *, every: bool = False) -> Held:
        """What the tag holds now: state `free` or `held`, with the image's labels. Raises `RegistryError`.

        `target`: the repository's name in the plan. `tag`: a tag or a digest. `every`: read the labels of all platforms
        of an index, which are needed to judge whether the index is this release.
        """
        descriptor = repository.resolve(tag)
        facts = None if descriptor is None else self._facts_of(repository, descriptor.digest, every=every)
        if descriptor is None or facts is None:
            return Held(target=target, tag=tag, state="free")
        return held_image(target, tag, descriptor.digest, facts)

    def _facts_of(self, repository: Repository, digest: str, *, every: bool) -> ImageFacts | None:
        # The key includes the repository: another repository may lack parts of the same image.
        key = (repository.name, digest, every)
        facts = self._facts.get(key) or image_facts(repository, digest, every=every)
        if facts is not None:
            self._facts[key] = facts
        return facts
