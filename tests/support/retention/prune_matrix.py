"""The kill matrix of `prune --apply`: each point in a repository of its own, ended by a signal, then two next runs.

`kept` goes on with the same version log. `lost` starts from a fresh clone without a log: manifests that the killed run
left without a tag are garbage that nothing lists, and nobody knows any more that the subject of a list of referrers was
deleted. So only ordinary tags and what they need are compared then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from release.transfer.referrers import attach
from tests.support.registries.images import Image
from tests.support.registries.registry import RegistryServer
from tests.support.releases.kill_matrix import Matrix, Place, read_log
from tests.support.retention.yard import Yard, about, image, index

_TEMPLATE = "acme/app"


class PruneState(NamedTuple):
    """A repository and its log after a prune. `there`: the digests of the yard that it has; `broken`: tags without
    something that they need; `gone`: the digests that the log records as deleted."""

    tags: dict[str, str]
    kinds: tuple[str, ...]
    there: frozenset[str]
    broken: tuple[str, ...]
    gone: frozenset[str]


def furnish(yard: Yard) -> tuple[Image, ...]:
    """Fill the yard's repository: images that go, that stay, and that share children, digests and referrers."""
    shared, kept, old, two = image("shared"), index("kept"), index("old"), image("two")
    yard.put(kept, "release-index")
    yard.put(shared, "sha-shared", "release-shared")
    yard.put(old, "sha-old", "sha-old-too")
    yard.put(old.children[0], "release-child")
    yard.put(two, "sha-two")
    referrers = tuple(yard.put(about(subject)) for subject in (old, kept))
    for referrer in referrers:
        attach(yard.repository, referrer.manifest)
    return (shared, kept, *kept.children, old, *old.children, two, *referrers)


class PruneMatrix(Matrix):
    """Kills prunes of copies of a yard's repository. `images`: everything in it, as `furnish` returned it."""

    _images: tuple[Image, ...] = ()

    @classmethod
    def of(cls, yard: Yard, gate: Any, shipmark: Any, folder: Path, **more: Any) -> PruneMatrix:
        """Make the matrix of a furnished yard."""
        images = furnish(yard)
        yard.repo.commit("policy")
        matrix = cls(yard.repo, gate, shipmark, folder, **more)
        matrix._images = images
        return matrix

    def _place(self, name: str) -> Place:
        place = super()._place(name)
        root = self._gate.registry.root / "docker/registry/v2/repositories"
        shutil.copytree(root / _TEMPLATE, root / place.repository)
        return place

    def _argv(self, place: Place) -> tuple[str, ...]:
        plan = self._shipmark("prune", "--json", *self._target(place), cwd=place.path, env=self._env)
        return ("prune", "--json", *self._target(place), "--apply", plan.json["plan"])

    def _target(self, place: Place) -> tuple[str, ...]:
        return ("--image", f"{self._gate.host}/{place.repository}")

    def _wrong_at_kill(self, left: Any, expected: Any) -> list[str]:
        faults = [f"`{tag}` is broken at the kill" for tag in left.broken]
        lost = expected.tags.keys() - left.tags.keys()
        return faults + [f"`{tag}` is gone at the kill" for tag in sorted(lost)]

    def _finish(self, place: Place, name: str, left: Any, expected: Any) -> tuple[str, list[str]]:
        done = self._run(place, {})
        if done.returncode != 0:
            return "", [f"{name}: exit {done.returncode}: {done.stderr.strip().splitlines()[-2:]}"]
        state = self._state(place)
        faults = [f"`{tag}` is broken" for tag in state.broken]
        wanted, tags = expected.tags, state.tags
        if name == "lost":
            wanted, tags = _ordinary(wanted), _ordinary(tags)
        if tags != wanted:
            faults.append(f"tags {sorted(tags)}")
        if name == "kept" and (state.there, state.gone) != (expected.there, expected.gone):
            faults.append(f"left {len(state.there)} and recorded {len(state.gone)} deletions")
        if not state.there >= expected.there:
            faults.append("something that stays is gone")
        plan = self._shipmark("prune", "--json", *self._target(place), cwd=place.path, env=self._env)
        again = plan.json["totals"]["deleted"]
        faults += [f"{again} images would go once more"] if again else []
        did = "delete" if any(one["state"] == "made" for one in json.loads(done.stdout)["steps"]) else ""
        return did, [f"{name}: {fault}" for fault in faults]

    def _state(self, place: Place) -> Any:
        server = self._gate.registry
        entries = read_log(place.path)
        tags = server.tags(place.repository)
        gone = [one for entry in entries if entry.kind == "pruned" for one in entry.fields["digests"]]
        there = [one.digest for one in self._images if _has(server, place.repository, one.digest)]
        return PruneState(
            tags,
            tuple(entry.kind for entry in entries),
            frozenset(there),
            broken(server, place.repository, tags),
            frozenset(map(str, gone)),
        )


def _ordinary(tags: dict[str, str]) -> dict[str, str]:
    return {tag: digest for tag, digest in tags.items() if not tag.startswith("sha256-")}


def _has(server: RegistryServer, repository: str, digest: str) -> bool:
    try:
        server.manifest(repository, digest)
    except LookupError:
        return False
    return True


def broken(server: RegistryServer, repository: str, tags: dict[str, str]) -> tuple[str, ...]:
    """Return the tags of which a platform, a config or a layer cannot be pulled; lists of referrers are no images."""
    return tuple(
        tag
        for tag, digest in sorted(tags.items())
        if not tag.startswith("sha256-") and not _is_whole(server, repository, digest)
    )


def _is_whole(server: RegistryServer, repository: str, digest: str) -> bool:
    try:
        _, raw = server.manifest(repository, digest)
    except LookupError:
        return False
    document = json.loads(raw)
    blobs = [document["config"], *document["layers"]] if "config" in document else []
    if any(server.request("HEAD", f"/v2/{repository}/blobs/{one['digest']}")[0] != 200 for one in blobs):
        return False
    return all(_is_whole(server, repository, one["digest"]) for one in document.get("manifests", ()))
