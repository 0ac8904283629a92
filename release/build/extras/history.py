"""Removes values of build arguments from the history in an image's config. Pure.

BuildKit writes them there: `RUN |1 TOKEN=abc /bin/sh -c …`; buildah and Docker's classic builder do, too, without the
word `RUN`. Values that the Dockerfile itself puts into labels or the environment stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from release.secrets.redaction import HIDDEN

_CONTAINER = "container_config"


def without_values(config: bytes, args: Mapping[str, str], hide: Callable[[str], str]) -> bytes:
    """`config` with values replaced by `***` in its history; the same bytes where there are none.

    `container_config`, which describes the container of the classic builder's last step, is removed where it holds one.

    `hide`: replaces values in any text, except for very short ones.
    """
    document = msgspec.json.decode(config)
    history = document.get("history") if isinstance(document, dict) else None
    is_changed = False
    for step in history if isinstance(history, list) else ():
        text = step.get("created_by") if isinstance(step, dict) else None
        if isinstance(text, str) and (clean := hide(_without_pairs(text, args))) != text:
            step["created_by"] = clean
            is_changed = True
    if isinstance(document, dict) and _names_value(document.get(_CONTAINER), args):
        del document[_CONTAINER]
        is_changed = True
    return msgspec.json.encode(document) if is_changed else config


def _names_value(container: object, args: Mapping[str, str]) -> bool:
    """Whether the command of the container holds a value, as in `["|1", "TOKEN=abc", "/bin/sh", "-c", "…"]`."""
    command = container.get("Cmd") if isinstance(container, dict) else None
    words = command if isinstance(command, list) else ()
    return any(f"{name}={value}" in words for name, value in args.items() if value)


def _without_pairs(text: str, args: Mapping[str, str]) -> str:
    if not text.startswith(("RUN |", "ARG ", "|")):
        return text
    for name, value in args.items():
        text = text.replace(f" {name}={value}", f" {name}={HIDDEN}") if value else text
    return text
