"""Opens the places of `run --from`: images that another tool or another runner built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from release.app.session import Session
from release.config.load import Component
from release.errors import ConfigError, RefusedError
from release.image_names.image_location import ImageLocation, locate, read
from release.image_names.joined import JoinedImages
from release.oci import Manifest, Repository
from release.oci.image_config import read_config
from release.plan.supply import FROM, Supplied, Supply, join
from release.tagging.labels import REVISION, VERSION
from release.tagging.model import Decision, Held


class OpenedSupply(msgspec.Struct, frozen=True, kw_only=True):
    """What `--from` gives, and the repository to read it from. `top`: the manifest or index to release."""

    repository: Repository
    top: Manifest
    places: tuple[str, ...]


def open_supply(
    session: Session, component: Component, places: Sequence[str], *, offline: bool
) -> OpenedSupply | None:
    """Read the manifests at the places, and join them; None where nothing was given.

    Raises `ConfigError` for a place that may change while it is released, `BuildError` for platforms that do not fit,
    and what the places raise.
    """
    if not places:
        return None
    located = [_locate(session, text, offline=offline) for text in places]
    supplied = [_supplied(place) for place in located]
    top = join(supplied, component.build.platforms)
    repositories: list[Repository] = [place.repository for place in located]
    only = repositories[0] if len(repositories) == 1 else None
    return OpenedSupply(
        repository=only or JoinedImages(FROM, top, repositories),
        top=top,
        places=tuple(place.text for place in located),
    )


def supply_of(session: Session, opened: OpenedSupply, decision: Decision, *, as_commit: bool) -> Supply:
    """The image as a value for the planner. Raises `RefusedError` where its labels do not say the commit."""
    said = session.tags.read(opened.repository, FROM, opened.top.digest, every=True)
    if not as_commit:
        _require_labels(said, decision, opened.places)
    return Supply(
        digest=opened.top.digest,
        places=opened.places,
        said=said,
        as_commit=as_commit,
    )


def _locate(session: Session, text: str, *, offline: bool) -> ImageLocation:
    place = locate(session, text)
    if place.registry is not None and place.digest is None:
        raise ConfigError(
            f"`--from {text}` names no digest: a tag may move while it is released",
            hint=f"`shipmark image digest {text}` prints it; write `{place.name}@sha256:…`",
        )
    if offline and place.registry is not None:
        raise ConfigError(
            f"`--from {text}` is in a registry, and `--offline` asks none",
            hint="leave `--offline` out, or copy the image first: `shipmark image copy … oci:DIR`",
        )
    return place


def _supplied(place: ImageLocation) -> Supplied:
    top = read(place)
    config = read_config(place.repository, top)
    platform = {
        name: text
        for name in ("architecture", "os", "os.version", "variant")
        if isinstance(text := config.get(name), str) and text
    }
    return Supplied(place=place.text, top=top, platform=None if top.is_index else platform)


def _require_labels(said: Held, decision: Decision, places: Sequence[str]) -> None:
    expected = _expected(decision)
    found = {REVISION: said.revision, VERSION: said.version}
    shown = ", ".join(f"`{place}`" for place in places)
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
        hint="build it with the labels of `shipmark version --format labels`, or vouch for it:"
        ' `--as-commit --reason "…"`, which is recorded',
    )


def _expected(decision: Decision) -> Mapping[str, str]:
    labels: Mapping[str, str] = decision.labels
    named = {REVISION: labels.get(REVISION, decision.commit)}
    version = labels.get(VERSION, decision.version)
    return named if version is None else {**named, VERSION: version}
