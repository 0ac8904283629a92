"""Removes the untagged image that a build left in a daemon, and no other.

Images of single steps stay: they are the classic builder's cache, as after `docker build`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from release.docker.engine import Engine
from release.errors import BuildError


class Leftovers:
    """The images that one build left.

    `before`: ids of the daemon's images before the build; None if they are not known.
    """

    def __init__(self, before: frozenset[str] | None) -> None:
        self._before = before
        self._made: list[str] = []

    @classmethod
    def since_now(cls, engine: Engine) -> Leftovers:
        """The leftovers of a build that begins after this call."""
        try:
            return cls(engine.images())
        except BuildError:
            return cls(None)

    def add(self, image: str) -> None:
        """Remember the image that a build made, unless the daemon had it before. `image`: its id."""
        if self._before is not None and image not in self._before and image not in self._made:
            self._made.append(image)

    @contextlib.contextmanager
    def removed(self, again: Callable[[], AbstractContextManager[Engine]]) -> Iterator[None]:
        """Remove the build's untagged images when the body ends, also by an error.

        `again`: a connection that no cancellation has closed. A refusal of the daemon is ignored: then another program
        uses the image.
        """
        try:
            yield
        finally:
            if self._made:
                with contextlib.suppress(BuildError), again() as engine:
                    for image in self._made:
                        with contextlib.suppress(BuildError):
                            _remove(engine, image)


def _remove(engine: Engine, image: str) -> None:
    about = engine.inspect(image)
    # Removing by id would also remove a tag that another program has given to the image meanwhile.
    if not about.get("RepoTags") and not about.get("RepoDigests"):
        engine.remove(image)
