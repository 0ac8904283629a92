"""The table of step kinds that prunes have, and plans that take a prune back; each row makes the kind's handler.

As in `of_releases`, each function imports the class of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from release.handler import Handler, acting

if TYPE_CHECKING:
    from release.app.handlers.step_ports import Shared


def _save_manifests(of: Shared) -> Handler:
    from release.effects.retention.save import SavedManifests

    ports = of.ports
    return acting(SavedManifests(ports.registries, ports.log, of.context, cancel=ports.cancel))


def _trash_manifest(of: Shared) -> Handler:
    from release.effects.retention.trash import TrashedManifests

    ports = of.ports
    return acting(TrashedManifests(ports.registries, now=ports.now, sink=ports.sink, cancel=ports.cancel))


def _delete_manifest(of: Shared) -> Handler:
    from release.effects.retention.delete import ManifestDeletions

    ports = of.ports
    return acting(
        ManifestDeletions(ports.registries, of.vault, of.listings, sink=ports.sink, cancel=ports.cancel)
    )


def _delete_tag(of: Shared) -> Handler:
    return acting(of.deletions)


def _settle_prune(of: Shared) -> Handler:
    from release.effects.retention.settle import PruneEnds

    ports = of.ports
    return acting(
        PruneEnds(ports.registries, of.vault, of.listings, of.deletions, sink=ports.sink, cancel=ports.cancel)
    )


def _restore_manifest(of: Shared) -> Handler:
    from release.effects.retention.restore import RestoredManifests

    ports = of.ports
    return acting(RestoredManifests(ports.registries, of.vault, sink=ports.sink, cancel=ports.cancel))


OF_PRUNES: Mapping[str, Callable[[Shared], Handler]] = {
    "save-manifests": _save_manifests,
    "trash-manifest": _trash_manifest,
    "delete-manifest": _delete_manifest,
    "delete-tag": _delete_tag,
    "settle-prune": _settle_prune,
    "restore-manifest": _restore_manifest,
}
