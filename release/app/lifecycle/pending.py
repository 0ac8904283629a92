"""What moving tags get where a target lacks the highest version that counts, mostly since its release has not ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from release.app.releases.version_tags import tag_of_image
from release.events import Note
from release.plan.rollback_versions import TagRestore
from release.tagging.line_releases import covers, highest, is_yanked, without
from release.versions.semver import image_tag_of

if TYPE_CHECKING:
    from release.app.lifecycle.landings import Ground


def with_image(ground: Ground, target: str, aims: Sequence[TagRestore], *, lower: bool) -> list[TagRestore]:
    """The aims, without those of which `target` has no image, unless the version that was named is aimed at.

    `lower`: a tag that holds a version that was taken back aims at the highest version that counts and has an image.
    Other tags stay, with a warning: they move when the release of the higher version ends. Raises `RegistryError`.
    """
    found: list[TagRestore] = []
    waiting: dict[str, list[str]] = {}
    for aim in aims:
        if aim.version == ground.version or _digest(ground, target, aim) is not None:
            found.append(aim)
            continue
        held = _held(ground, target, aim.tag)
        is_gone = lower and held is not None and held in _taken_back(ground, target, aim)
        below = _below(ground, target, aim) if is_gone else None
        if below is None:
            waiting.setdefault(aim.fixed, []).append(aim.tag)
            continue
        found.append(below)
        text = (
            f"`{aim.tag}` returns to {below.fixed}: {aim.fixed} is higher, and has no image in `{target}` yet"
        )
        ground.session.sink.emit(Note(level="warning", text=text))
    for fixed, tags in waiting.items():
        names = ", ".join(f"`{tag}`" for tag in tags)
        stay = "stays where it is" if len(tags) == 1 else "stay where they are"
        text = f"{names} {stay}: {fixed} is higher, and has no image in `{target}` yet"
        ground.session.sink.emit(Note(level="warning", text=text))
    return found


def _below(ground: Ground, target: str, aim: TagRestore) -> TagRestore | None:
    """The aim at the highest version below, of those that count and have an image; None if there is none."""
    while True:
        passed = (*aim.passed, image_tag_of(aim.version, aim.rebuild))
        top = highest(aim.line, without(ground.known, passed))
        if top is None:
            return None
        aim = msgspec.structs.replace(aim, version=top.version, rebuild=top.rebuild, named="", passed=passed)
        if _digest(ground, target, aim) is not None:
            return aim


def _taken_back(ground: Ground, target: str, aim: TagRestore) -> set[str | None]:
    """The digests of the images in `target` of the line's versions and builds that were taken back."""
    builds = {
        (one.version, one.rebuild)
        for one in ground.known.listed
        if covers(aim.line, one.version) and is_yanked(one.version, one.rebuild, ground.known)
    }
    aims = [msgspec.structs.replace(aim, version=version, rebuild=rebuild) for version, rebuild in builds]
    return {_digest(ground, target, one) for one in aims} - {None}


def _digest(ground: Ground, target: str, aim: TagRestore) -> str | None:
    fixed = tag_of_image(ground.session, ground.component, target, aim.version, aim.rebuild)
    return _held(ground, target, fixed)


def _held(ground: Ground, target: str, tag: str) -> str | None:
    repository = ground.session.registries.open(target)
    digest: str | None = ground.session.tags.read(repository, repository.name, tag).digest
    return digest
