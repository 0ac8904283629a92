"""Lists the components that a CI system has to build for this commit, as the rows of a job matrix."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

import msgspec

from ci.remedies import remedy
from release.app.component_policy import policy_of
from release.app.releases.concerned import follows_commits, released_by_tag
from release.app.releases.decide import Situation, decide_alone
from release.app.releases.standings import Standing, held_on_target_branch, standings
from release.app.session import Session
from release.config.component import Component
from release.errors import RegistryError
from release.facts import Facts
from release.oci import Repository
from release.tagging.model import Held, KnownReleases
from release.task_group import TaskGroup

#: Platform -> the label of a runner of GitHub that builds for it without emulation. Source: docs.github.com,
#: "GitHub-hosted runners".
_RUNNERS = {"linux/amd64": "ubuntu-latest", "linux/arm64": "ubuntu-24.04-arm"}
_USUAL = "linux/amd64"
# Registries are asked at the same time: a matrix of 40 components should not wait for 40 answers in a row. One host
# gets at most 16 requests at once (`registry/hosts/host.py`), so many more would only wait.
_JOBS = 8


class MatrixRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`component`: only this component; None for all of the workspace's components."""

    component: str | None = None


class MatrixRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `platforms`: of the config, or `linux/amd64`. `platform`: the first of `platforms`.

    `os`, `arch`: the parts of `platform`.

    `runner`: the label of a GitHub runner that builds for this platform without emulation, else `ubuntu-latest`.
    `reason`: why the component is built.
    """

    component: str
    platforms: tuple[str, ...]
    platform: str
    os: str
    arch: str
    runner: str
    reason: str


class UnchangedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A component that is not built. `digest`: of the image that the tag of its branch holds, or None.

    For a pull request the branch is the target branch.
    """

    component: str
    reason: str
    digest: str | None


class MatrixReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of `preview --changed`. `include`: as GitHub's `strategy.matrix.include` takes it."""

    schema: Literal["shipmark.matrix/1"] = "shipmark.matrix/1"
    commit: str
    include: tuple[MatrixRow, ...]
    unchanged: tuple[UnchangedRow, ...]


def changed_matrix(session: Session, request: MatrixRequest) -> MatrixReport:
    """The components that this run has to build, and the others.

    Of registries only the branch tag of each component with `paths` is read; for a pull request that of its target
    branch, if the component did not change, and for a git tag nothing.
    """
    components = session.components_named(request.component)
    # The names of branch tags depend on no version unless rules make them, so git need not count commits.
    counted = any(one.section.tags != "default" for one in components)
    policy = msgspec.structs.replace(policy_of(components[0]), counted=counted)
    facts = session.git.facts(policy, online=True)
    released = released_by_tag(session.config.components, facts)[1]
    found: dict[str, Standing] = {}
    held: dict[str, list[Held]] = {}
    if released:
        for one in components:
            is_ours = one.name in released
            reason = (
                "its git tag"
                if is_ours
                else f"the git tag releases {', '.join(f'`{n}`' for n in released)} alone"
            )
            found[one.name] = Standing(component=one.name, changed=is_ours, reason=reason)
    else:
        held = _held(session, [one for one in components if one.section.paths], facts)
        found = standings(session, facts, held)
        for one in components:
            if one.name not in found:
                found[one.name] = Standing(component=one.name, changed=True, reason="it has no `paths`")
        if facts.snapshot.shallow and any(one.unknown for one in found.values()):
            fix = remedy(session.ci.system, "shallow")
            session.warn(
                f"this clone is shallow, so components whose earlier commit it lacks count as changed: {fix}"
            )
    chosen = [(one, found[one.name]) for one in components]
    if facts.ci.pull_request is not None:
        held = {
            one.name: held_on_target_branch(session, one, facts)
            for one, standing in chosen
            if not standing.changed
        }
    return MatrixReport(
        commit=facts.commit,
        include=tuple(_row(one, standing) for one, standing in chosen if standing.changed),
        unchanged=tuple(
            UnchangedRow(component=one.name, reason=standing.reason, digest=_digest(held.get(one.name, ())))
            for one, standing in chosen
            if not standing.changed
        ),
    )


def _held(session: Session, components: Sequence[Component], facts: Facts) -> dict[str, list[Held]]:
    """What the branch tag of each component holds on each of its targets; `unknown` for a tag that cannot be read.

    Nothing is read for a pull request, which is compared with its target branch.
    """
    if facts.ci.pull_request is not None:
        return {one.name: [] for one in components}
    held: dict[str, list[Held]] = {one.name: [] for one in components}
    group = TaskGroup(jobs=_JOBS, cancel=session.cancel, name="held")
    tasks = []
    for component in components:
        name = _branch_tag(session, component, facts)
        if name is None:
            continue
        for target in component.targets:
            read = partial(_read, session, session.registries.open(target.image), name, held[component.name])
            if target.image.startswith("oci:"):
                read()  # a folder answers at once: starting a thread would take longer
            else:
                tasks.append(group.start(read))
    for task in tasks:
        task.result()
    return held


def _branch_tag(session: Session, component: Component, facts: Facts) -> str | None:
    """The name of the tag that moves with the branch; None if there is none. The name does not depend on releases.

    `facts`: of any component. Facts differ in the releases only, and reading them for each component would take
    processes.
    """
    situation = Situation(
        component=component, policy=policy_of(component), facts=facts, known=KnownReleases()
    )
    tags = follows_commits(decide_alone(session, situation))
    return tags[0].name if tags else None


def _read(session: Session, repository: Repository, tag: str, found: list[Held]) -> None:
    held = Held(target=repository.name, tag=tag, state="unknown")
    with suppress(RegistryError):
        held = session.tags.read(repository, repository.name, tag)
    found.append(held)


def _digest(held: Sequence[Held]) -> str | None:
    digests = {one.digest for one in held}
    return digests.pop() if len(digests) == 1 else None


def _row(component: Component, standing: Standing) -> MatrixRow:
    platforms = component.build.platforms or (_USUAL,)
    system, _, rest = platforms[0].partition("/")
    return MatrixRow(
        component=component.name,
        platforms=platforms,
        platform=platforms[0],
        os=system,
        arch=rest.partition("/")[0],
        runner=_RUNNERS.get("/".join(platforms[0].split("/")[:2]), _RUNNERS[_USUAL]),
        reason=standing.reason,
    )
