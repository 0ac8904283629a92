"""What a record of moving tags says of tags that another run has moved since: that they are withheld."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from release.effects.tag_reader import TagReader
from release.errors import RegistryError
from release.oci import Registries

#: Kinds of records of moving tags -> the member that names the target.
OF_MOVING_TAGS = {"moved": "target", "promoted": "to"}
#: Results of a tag that another run may move at any time.
_MOVING = frozenset({"moved", "already-there"})


class HeldNow:
    """Reads the moving tags of a fact right before the fact is recorded.

    The process may have been stopped for any time since it moved them. A run of a higher release may have moved them in
    the meantime and recorded that; a later record of the older state would then be wrong for good.
    """

    def __init__(self, registries: Registries, tags: TagReader) -> None:
        self._registries = registries
        self._tags = tags

    def as_held(self, fact: Mapping[str, Any]) -> dict[str, Any]:
        """The fact, whose kind is one of `OF_MOVING_TAGS`, with tags that hold another image by now as withheld."""
        lines = fact.get("tags", ())
        names = [line["name"] for line in lines if _is_moving(line)]
        held = self._held(str(fact[OF_MOVING_TAGS[fact["kind"]]]), names) if names else {}
        return {**fact, "tags": [_line(line, held) for line in lines]}

    def _held(self, target: str, names: list[str]) -> dict[str, str | None]:
        """The digest that each tag holds now, all read at once; without the tags that could not be read."""
        held: dict[str, str | None] = {}
        repository = self._registries.open(target)
        self._tags.forget(repository, *names)
        self._tags.ahead(repository, names)
        for name in names:
            # What cannot be read is recorded as it was read back: the move itself has succeeded.
            with contextlib.suppress(RegistryError):
                found = self._tags.resolve(repository, name)
                held[name] = found.digest if found is not None else None
        return held


def _is_moving(line: Mapping[str, Any]) -> bool:
    return bool(line.get("digest")) and line.get("result") in _MOVING


def _line(line: Mapping[str, Any], held: Mapping[str, str | None]) -> dict[str, Any]:
    name = line["name"]
    if not _is_moving(line) or name not in held or held[name] == line["digest"]:
        return dict(line)
    now = f"holds {held[name]}" if held[name] else "is gone"
    return {"name": name, "result": "withheld", "reason": f"{now}: another run changed it after the move"}
