"""Builds the image of the checked-out commit without releasing it: for a runner of its own, or to look at it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import msgspec

from release.app.cache import trim_at_exit
from release.app.component_policy import policy_of
from release.app.obtain.build_tasks import outputs_of, task_of, values_of
from release.app.obtain.builds import prepare_one
from release.app.releases.refusals import refusal
from release.app.releases.tags import decide_locally
from release.app.session import Session
from release.build import BuiltImage
from release.build.assemble import build_whole
from release.build_spec import BUILDERS, BuildSpec
from release.config.component import Component
from release.errors import ConfigError, RefusedError, ReleaseError
from release.image_names.image_location import ImageLocation
from release.image_names.locate import locate_destination
from release.plan.ownership import several_platforms
from release.plan.release_input import ReleaseInput
from release.tagging.model import Decision
from release.transfer.copy import copy_image

# Transports of places that are files: what the build wrote there before would be in its context.
_IN_FILES = frozenset({"oci", "oci-archive", "docker-archive", "dir"})


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for an image. `component`: None for the workspace's only component.

    `builder`, `platforms`: override the configuration. `output`: where the image is copied to, for example
    `oci:part`; None leaves it in the content store, where the next `run` of this commit does not look for it.
    """

    component: str | None = None
    builder: str | None = None
    platforms: tuple[str, ...] = ()
    output: str | None = None


class BuiltPlatform(msgspec.Struct, frozen=True, kw_only=True):
    """One platform's manifest."""

    platform: str
    digest: str


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """`shipmark.build/1`. `output`: the image's reference at the requested place."""

    schema: Literal["shipmark.build/1"] = "shipmark.build/1"
    component: str
    version: str | None
    commit: str
    digest: str
    builder: str
    platforms: tuple[BuiltPlatform, ...]
    output: str | None


def build(session: Session, request: BuildRequest) -> BuildReport:
    """Build with the labels that `run` gives the image, so that `run --from` takes it.

    Raises from the `BuildError` branch, `DirtyTree`, and `RefusedError` in a run that is not trusted.
    """
    if not session.trust.trusted:
        raise RefusedError(
            f"`build` runs what the workspace says, and this run is not trusted: {session.trust.reason}",
            hint=session.remedy_of_trust or "`shipmark preview` checks the build without running it",
        )
    component = _component(session, request)
    refused = refusal(session, component.name)
    if refused is not None:
        raise refused
    decision = decide_locally(session, component.name)
    place = None if request.output is None else _place(session, request.output)
    subject = _subject(session, component, decision, _spec(component, request))
    built, builder = _build(session, subject, [*outputs_of(session.config), *_files(session, place)])
    output = None if place is None else _copy(session, built, place, decision)
    return BuildReport(
        component=component.name,
        version=decision.version,
        commit=decision.commit,
        digest=built.digest,
        builder=builder,
        platforms=tuple(BuiltPlatform(platform=one.platform, digest=one.digest) for one in built.platforms),
        output=output,
    )


def _component(session: Session, request: BuildRequest) -> Component:
    components = session.components_named(request.component)
    if len(components) > 1:
        names = ", ".join(component.name for component in components)
        raise ConfigError(f"there are several components: {names}", hint="choose one with `--component NAME`")
    return components[0]


def _spec(component: Component, request: BuildRequest) -> BuildSpec:
    if request.builder is not None and request.builder not in BUILDERS:
        raise ConfigError(
            f"there is no builder `{request.builder}`", hint=f"the builders are {', '.join(BUILDERS)}"
        )
    asked = {"builder": request.builder, "platforms": request.platforms}
    return msgspec.structs.replace(component.build, **{name: value for name, value in asked.items() if value})


def _place(session: Session, text: str) -> ImageLocation:
    place = locate_destination(session, text)
    if place.registry is not None or place.digest is not None:
        raise ConfigError(
            f"`-o {text}` is not a folder, archive or daemon",
            hint="write `-o oci:DIR`; images go to registries by `shipmark run`, which checks and records them",
        )
    place.repository.check_push()  # asked now: the build may take long
    return place


def _subject(session: Session, component: Component, decision: Decision, spec: BuildSpec) -> ReleaseInput:
    return ReleaseInput(
        component=component.name,
        project="",
        targets=(),
        decision=decision,
        build=spec,
        own_dockerfile=session.config.has_components,
        committed_at=session.git.facts(policy_of(component)).snapshot.committed_at,
    )


def _files(session: Session, place: ImageLocation | None) -> list[str]:
    """The folder or archive that the image is copied to: the next build must not find it in its context."""
    if place is None:
        return []
    transport, _, path = place.name.partition(":")
    return [os.path.join(session.directory, path)] if transport in _IN_FILES else []


def _build(session: Session, subject: ReleaseInput, outputs: Sequence[str]) -> tuple[BuiltImage, str]:
    """Build into the content store. Returns the image and the builder's name."""
    values = values_of(subject, session.settings.env)
    answer = prepare_one(session.ports.builders(session), task_of(subject, session.root, outputs), values)
    if isinstance(answer, ReleaseError):
        raise answer
    trim_at_exit(session)
    try:
        platforms = several_platforms(subject.build.platforms)
        built = build_whole(answer.prepared, session.store.path, platforms, subject.decision.annotations)
    finally:
        answer.prepared.close()
    session.store.mark_used(built.digest)
    return built, answer.prepared.builder


def _copy(session: Session, built: BuiltImage, place: ImageLocation, decision: Decision) -> str:
    """Copy the image out of the content store, under a tag that is replaced if it exists."""
    store = session.store.open()
    copy_image(store, place.repository, built.digest, sink=session.sink, cancel=session.cancel)
    tag = place.tag or _tag(decision)
    place.repository.put_manifest(store.manifest(built.digest), tag=tag)
    return f"{place.name}:{tag}" if place.name.startswith(_TAGGED) else place.text


# Places that keep the tag. The text of any other names its image already: a daemon's, or the only one there.
_TAGGED = ("oci:", "oci-archive:")


def _tag(decision: Decision) -> str:
    """The first tag of the decision, else one of the commit: the decision for a dirty checkout, say, has no tag."""
    return decision.tags[0].name if decision.tags else f"sha-{decision.commit[:12]}"
