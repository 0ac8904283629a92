"""Lays settings from outside of the config file, such as the inputs of a CI action, over the file's document.

The document is changed before it is filtered and converted, so that a setting from outside is subject to the same rules
as a key of the file: an untrusted run reads the allowed ones only, and an error names where the setting came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from release.config.document import Document, Position


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """Settings in the shape of `shipmark.yml`. `positions`: path (`$.build.target`) -> where the setting came from."""

    value: Mapping[str, Any] = {}
    positions: Mapping[str, Position] = {}


def laid_over(document: Document, overlay: Overlay) -> Document:
    """`document` with the settings of `overlay`: mappings are merged, every other value is replaced.

    A component's own key hides that of the top level, so it is replaced, too.
    """
    if not overlay.value or not isinstance(document.value, dict):
        return document
    value = _merged(document.value, overlay.value)
    positions = {**document.positions, **overlay.positions}
    if isinstance(value.get("components"), dict):
        value["components"] = {
            name: _merged(one, {key: overlay.value[key] for key in overlay.value if key in one})
            if isinstance(one, dict)
            else one
            for name, one in value["components"].items()
        }
        for name, one in value["components"].items():
            own = f"$.components.{name}"
            positions |= {
                f"{own}{path[1:]}": place
                for path, place in overlay.positions.items()
                if isinstance(one, dict) and path[2:].partition(".")[0].partition("[")[0] in one
            }
    return msgspec.structs.replace(document, value=value, positions=positions)


def replaced_log(document: Document, overlay: Overlay) -> str | None:
    """A warning if the log of `overlay` takes the place of another store in the file; None if it does not."""
    above = overlay.value.get("log")
    below = document.value.get("log") if isinstance(document.value, dict) else None
    if not isinstance(above, Mapping) or not below:
        return None
    entries = below if isinstance(below, list) else [below]
    stores = [one.get("store", "file") if isinstance(one, dict) else one for one in entries]
    left = ", ".join(f"`{store}`" for store in stores if store != above.get("store"))
    if not left:
        return None
    store = above.get("store")
    return f"{document.at('$.log')}: the input `log: {store}` counts: this run neither reads nor writes the log {left}"


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        own = found.get(key)
        found[key] = value
        if isinstance(own, dict) and isinstance(value, Mapping) and not _is_other_store(key, own, value):
            found[key] = _merged(own, value)
    return found


def _is_other_store(key: str, below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Whether `above` names another log store, to which the keys of the store `below` mean nothing."""
    return key == "log" and below.get("store", "file") != above.get("store")
