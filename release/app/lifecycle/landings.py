"""Finds, for a rollback or a restore, the image that each moving tag gets, and where yanked versions are in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from release.app.lifecycle.pending import with_image
from release.app.releases.version_tags import tag_of_image
from release.app.session import Session
from release.config.component import Component
from release.errors import NotFound, RegistryError, TagConflict
from release.events import Note
from release.log import Entry
from release.log.state import LogState, ReleaseState, rebuild_name
from release.log.yanked import names_of
from release.plan.release_key import release_key
from release.plan.rollback import RestoreTarget
from release.plan.rollback_versions import TagRestore, commit_of
from release.plan.tag_kind import fixed_policy
from release.tagging.model import Held, KnownReleases
from release.versions.model import Version


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """The component whose versions get a status, the version that was named, and the releases known everywhere.

    `rebuild`: the number of the version's build that was named; 0 for the version itself.
    """

    session: Session
    component: Component
    project: str
    version: Version
    known: KnownReleases
    rebuild: int = 0

    @property
    def name(self) -> str:
        """The name of the version, or of its rebuild, as the log has it."""
        return rebuild_name(str(self.version), self.rebuild)


def landings(
    ground: Ground, aims: Sequence[TagRestore], *, lower: bool
) -> tuple[tuple[RestoreTarget, ...], dict[str, str]]:
    """One `RestoreTarget` for each version and target, and what the tags hold now. `lower`: see `with_image`.

    Raises `NotFound` if a required target has no image of the version that was named, and `TagConflict` if an image is
    another one than the log recorded. A target that is not required, and has no such image or does not answer, is left
    out with a warning. Targets with `moving: false` are left out without a warning.
    """
    landed: list[RestoreTarget] = []
    basis: dict[str, str] = {}
    for target in ground.component.targets:
        if not target.moving:
            continue
        try:
            there = with_image(ground, target.image, aims, lower=lower)
        except RegistryError as error:
            _leave_out(ground, error, required=target.required)
            continue
        for build in dict.fromkeys((aim.version, aim.rebuild) for aim in there):
            of_version = tuple(aim for aim in there if (aim.version, aim.rebuild) == build)
            try:
                landing, held = _land(ground, target.image, of_version, required=target.required)
            except RegistryError as error:
                _leave_out(ground, error, required=target.required)
                continue
            landed.append(landing)
            basis |= {f"{one.target}:{one.tag}": one.digest or one.state for one in held}
    return tuple(landed), basis


def _leave_out(ground: Ground, error: RegistryError, *, required: bool) -> None:
    if required:
        raise error
    ground.session.sink.emit(Note(level="warning", text=error.message, hint=error.hint))


def _land(
    ground: Ground, target: str, aims: tuple[TagRestore, ...], *, required: bool
) -> tuple[RestoreTarget, list[Held]]:
    repository = ground.session.registries.open(target)
    version, rebuild = aims[0].version, aims[0].rebuild
    fixed = tag_of_image(ground.session, ground.component, target, version, rebuild)
    aims = tuple(msgspec.structs.replace(aim, named=fixed) for aim in aims)
    name = repository.name
    tags = ground.session.tags
    image = tags.read(repository, name, fixed)
    if image.digest is None:
        raise NotFound(
            f"`{name}` has no tag `{fixed}`, to whose image {_listed(aims)} would return",
            hint=f"choose another version, or bring the image back with `shipmark promote … --to {name}:{fixed}`",
        )
    state: LogState = ground.session.log_state.whole
    recorded = _release_of(state, ground.project, aims[0])
    _require_recorded(name, image, recorded)
    held = [tags.read(repository, name, aim.tag) for aim in aims]
    said = {aim.tag: state.holds.get((name, aim.tag), ()) for aim in aims}
    commit = commit_of(aims[0].version, ground.known) or image.revision or ""
    key = recorded.key if recorded is not None else release_key(ground.project, commit, fixed)
    landing = RestoreTarget(
        target=name,
        required=required,
        aims=aims,
        digest=image.digest,
        commit=commit,
        release=key,
        settled=all(one.digest == image.digest for one in held)
        and all(holds and holds[-1].digest == image.digest for holds in said.values()),
        follows=max((holds[-1].seq for holds in said.values() if holds), default=None),
        name="" if key in state.releases else rebuild_name(str(aims[0].version), aims[0].rebuild),
    )
    return landing, held


def _release_of(state: LogState, project: str, aim: TagRestore) -> ReleaseState | None:
    return next(
        (
            one
            for one in state.releases.values()
            if one.project == project
            and one.state == "released"
            and not one.between_releases  # a branch's build of a tagged commit has the version, and is not its release
            and one.version == str(aim.version)
            and one.rebuild == aim.rebuild
        ),
        None,
    )


def _require_recorded(target: str, image: Held, recorded: ReleaseState | None) -> None:
    if recorded is None or recorded.image is None or recorded.image.digest == image.digest:
        return
    raise TagConflict(
        f"`{target}:{image.tag}` holds {image.digest}, but it was released as {recorded.image.digest}",
        hint="somebody overwrote it: bring the released image back first, "
        f"with `shipmark promote` of {recorded.image.digest}",
    )


def _listed(aims: Sequence[TagRestore]) -> str:
    return ", ".join(f"`{aim.tag}`" for aim in aims)


def still_standing(
    state: LogState, entries: Iterable[Entry], *, project: str, targets: Iterable[str], yanks: Iterable[str]
) -> list[Note]:
    """Warnings about yanked versions in use: one for each other repository, and one for each environment, in the log.

    `targets`: the targets that are rolled back, about which no warning is made.
    """
    gone, own = frozenset(yanks), frozenset(targets)
    return [*_promoted(state, project, own, gone), *_deployed(entries, project, gone)]


def _promoted(state: LogState, project: str, own: frozenset[str], gone: frozenset[str]) -> list[Note]:
    found: dict[tuple[str, str], list[str]] = {}
    for (target, tag), holds in state.holds.items():
        if target in own or not holds or fixed_policy(tag) is not None:
            continue
        # Another project of the log, such as another component, may have released a version with the same number.
        release = state.releases.get(holds[-1].release)
        if (release.project if release is not None else holds[-1].project) not in ("", project):
            continue
        if gone.intersection(names_of(holds[-1].version)):
            found.setdefault((target, holds[-1].version), []).append(tag)
    return [
        Note(
            level="warning",
            text=f"`{target}` still has {version} under {', '.join(f'`{tag}`' for tag in sorted(tags))}",
            hint=f"`shipmark promote` the version that is left `--to {target}`",
        )
        for (target, version), tags in found.items()
    ]


def _deployed(entries: Iterable[Entry], project: str, gone: frozenset[str]) -> list[Note]:
    last: dict[str, Mapping[str, object]] = {}
    # In the log's order, so that the latest deployment to an environment replaces earlier ones.
    for entry in entries:
        if entry.kind == "deployed" and entry.fields.get("project") == project:
            last[str(entry.fields.get("environment", ""))] = entry.fields
    return [
        Note(level="warning", text=f"environment `{name}` runs {fields['version']}, as far as the log knows")
        for name, fields in last.items()
        if gone.intersection(names_of(str(fields.get("version", ""))))
    ]
