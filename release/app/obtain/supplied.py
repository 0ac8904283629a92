"""Opens the places of `run --from`: images that another tool or another runner built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from release.app.session import Session
from release.config.component import Component
from release.errors import BuildError, ConfigError, NotFound, RefusedError
from release.image_names.choose_image import read
from release.image_names.image_location import ImageLocation
from release.image_names.locate import is_in_registry, locate
from release.oci import Repository
from release.oci.image_config import flat_entries, read_config
from release.oci.image_index import PlatformEntry
from release.oci.image_json import wanted_platform
from release.oci.manifest import children
from release.plan.supply import FROM, Joined, Supplied, Supply, join
from release.tagging.labels import PLATFORM, REVISION, VERSION
from release.tagging.model import Decision, Held
from release.transfer.repair import missing_blobs


class OpenedSupply(msgspec.Struct, frozen=True, kw_only=True):
    """The images that `--from` names, opened. `platforms`: the platforms in the configuration."""

    supplied: tuple[Supplied, ...]
    repositories: tuple[Any, ...]  # of type Repository
    platforms: tuple[str, ...]

    def joined(self, annotations: Mapping[str, str]) -> Joined:
        """The image to release. `annotations`: of a new index over several places. Raises `BuildError`."""
        return join(self.supplied, self.platforms, annotations)

    def repository(self, annotations: Mapping[str, str]) -> Repository:
        """The repository with the image to release: the only place, or all places joined with the new index."""
        if len(self.repositories) == 1:
            only: Repository = self.repositories[0]
            return only
        from release.image_names.joined import JoinedImages

        return JoinedImages(FROM, self.joined(annotations).top, self.repositories)


def open_supply(
    session: Session, component: Component, places: Sequence[str], *, offline: bool
) -> OpenedSupply | None:
    """Read the manifests of the images that `--from` names; None without `--from`.

    Raises `ConfigError` for a registry's image without a digest, whose tag may move, and with `offline` for every
    registry; `BuildError` for platforms that do not fit, and what the places raise.
    """
    if not places:
        return None
    for name in component.build.platforms:
        wanted_platform(name)
    located = [_locate(session, text, offline=offline) for text in places]
    opened = OpenedSupply(
        supplied=tuple(_supplied(place) for place in located),
        repositories=tuple(place.repository for place in located),
        platforms=component.build.platforms,
    )
    opened.joined({})  # raises for platforms that do not fit, before anything else is asked
    return opened


def supply_of(
    session: Session,
    opened: OpenedSupply,
    decision: Decision,
    *,
    as_commit: bool,
    targets: Sequence[Repository],
) -> Supply:
    """The image as a value for the planner. `targets`: where the image goes; () if they are not asked.

    Raises `RefusedError` if the image's labels do not name the commit, or name another version; with `as_commit` the
    labels are not checked. Raises `NotFound` if neither a place nor a target has one of the image's blobs.
    """
    joined = opened.joined(decision.annotations)
    places = tuple(one.place for one in opened.supplied)
    repository = opened.repository(decision.annotations)
    said = session.tags.read(repository, FROM, joined.top.digest, every=True)
    if PLATFORM in said.disputed:
        # A machine would choose the image by the index, and then get programs for another processor.
        raise BuildError(
            f"an index at {_shown(places)} names another platform for an image than the image's own config",
            hint="build the index again: `shipmark image inspect` shows what it names",
        )
    if not as_commit:
        _require_labels(said, decision, places)
    for part in joined.parts:
        _require_layers(repository, part, places)
    if not any(is_in_registry(one.name) for one in opened.repositories):
        # Files can be asked for nothing; of a registry only the copy tells.
        _require_whole(session, repository, joined.top.digest, targets, places)
    return Supply(
        digest=joined.top.digest,
        places=places,
        said=said,
        as_commit=as_commit,
        parts=joined.parts,
        joined=len(places) > 1,
    )


def _locate(session: Session, text: str, *, offline: bool) -> ImageLocation:
    place = locate(session, text)
    if place.registry is not None and place.digest is None:
        raise ConfigError(
            f"`--from {text}` names no digest: a tag may move while it is released",
            hint=f"`shipmark image digest {text}` prints the digest; write `{place.name}@sha256:…`",
        )
    if offline and place.registry is not None:
        raise ConfigError(
            f"`--from {text}` is in a registry, and `--offline` opens no connection",
            hint="leave `--offline` out, or copy the image first: `shipmark image copy … oci:DIR`",
        )
    return place


def _supplied(place: ImageLocation) -> Supplied:
    top = read(place)
    if top.is_index:
        return Supplied(place=place.text, top=top, entries=flat_entries(place.repository, top))
    return Supplied(place=place.text, top=top, config=read_config(place.repository, top))


def _require_layers(repository: Repository, part: PlatformEntry, places: Sequence[str]) -> None:
    """Raise `BuildError` if the image's config lists another number of layers than its manifest.

    Source: OCI image-spec v1.1, "OCI Image Configuration", `rootfs`.
    """
    manifest = repository.manifest(part.image.digest)
    rootfs = read_config(repository, manifest).get("rootfs")
    listed = (rootfs.get("diff_ids") if isinstance(rootfs, dict) else None) or []
    count = len(children(manifest)) - 1  # without the config
    if isinstance(listed, list) and len(listed) != count:
        raise BuildError(
            f"the image for `{part.platform}` at {_shown(places)} has {count} layers, and its config lists"
            f" {len(listed)}: no runtime unpacks it",
            hint="build the image again: the tool that made it is broken, or was stopped",
        )


def _require_whole(
    session: Session,
    repository: Repository,
    digest: str,
    targets: Sequence[Repository],
    places: Sequence[str],
) -> None:
    missing = missing_blobs(repository, digest, cancel=session.cancel)
    for target in targets:
        for blob in missing:
            if not target.has_blob(blob):
                raise NotFound(
                    f"the blob `{blob.digest}` of the image is neither in {_shown(places)} nor in `{target.name}`",
                    hint="let the tool that made the image write it again",
                )


def _shown(places: Sequence[str]) -> str:
    return ", ".join(f"`{place}`" for place in places)


def _require_labels(said: Held, decision: Decision, places: Sequence[str]) -> None:
    expected = _expected(decision)
    found = {REVISION: said.revision, VERSION: said.version}
    shown = _shown(places)
    disputed = [name for name in expected if name in said.disputed]
    if disputed:
        wrong = f"the platforms of {shown} disagree about the label `{disputed[0]}`"
    elif said.revision is None:
        wrong = f"{shown} has no label `{REVISION}`, so nothing says that it was built from {decision.commit[:12]}"
    else:
        # A version label may be missing; one that names another version is another release's.
        differing = [
            name for name, text in expected.items() if found[name] is not None and found[name] != text
        ]
        if not differing:
            return
        name = differing[0]
        wrong = f"{shown} says `{name}` {found[name]}, and this release is {expected[name]}"
    raise RefusedError(
        wrong,
        hint="build the image with the labels of `shipmark version --format labels`, or vouch for the image:"
        ' `--as-commit --reason "…"`, which is recorded',
    )


def _expected(decision: Decision) -> Mapping[str, str]:
    labels: Mapping[str, str] = decision.labels
    named = {REVISION: labels.get(REVISION, decision.commit)}
    version = labels.get(VERSION, decision.version)
    return named if version is None else {**named, VERSION: version}
