"""Checks of git, of the clone, and of the credential that lies in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ci.remedies import remedy
from release.app.setup.doctor.checks.answer import Answer, broken, ok, problem, unchecked, warning
from release.app.setup.doctor.scene import Broken, LogPlace, Scene, Unasked
from release.app.setup.workflows.model import Job, Step, Workflow

#: Versions of git: the oldest that works, and the first with `safe.bareRepository`, without which git itself enters a
#: bare repository that a pull request put into the workspace.
_OLDEST, _SAFE = (2, 25), (2, 38)
_SHOWN = 3
_TOKEN = "SHIPMARK_LOG_TOKEN"  # noqa: S105 - the name of a variable
# Commands that write the version log. `preview` and others only read it.
_WRITERS = frozenset({"run", "promote", "rollback", "restore", "deployed", "prune"})


def git(scene: Scene) -> Iterator[Answer]:
    """The version of git."""
    if isinstance(scene.git, Broken):
        yield broken(scene.git)
        return
    found = re.search(r"(\d{1,6})\.(\d{1,6})", scene.git)
    if found is None:
        yield warning(f"git says `{scene.git[:60]}`, which names no version", "install git 2.38 or newer")
        return
    version = int(found[1]), int(found[2])
    if version < _OLDEST:
        yield problem(f"git {found[0]} is too old", "install git 2.38 or newer (2.25 at least)", 3)
    elif version < _SAFE:
        yield warning(
            f"git {found[0]} lacks `safe.bareRepository`",
            "install git 2.38 or newer where pull requests of strangers are built",
        )
    else:
        yield ok(scene.git)


def history(scene: Scene) -> Iterator[Answer]:
    """Whether the clone has its whole history, and whether workflows fetch it."""
    if isinstance(scene.clone, Broken):
        yield broken(scene.clone)
        return
    if scene.clone.shallow:
        yield warning(
            "this clone is shallow: `tags`, `version` and `metadata` cannot see older releases",
            remedy(scene.system, "shallow"),
        )
    else:
        yield ok("the history is complete")
    for workflow, _, checkout in _checkouts(scene):
        if checkout.inputs.get("fetch-depth", "1").strip() != "0":
            yield warning(
                "the job before shipmark checks out one commit, without history and git tags",
                "set `with: {fetch-depth: 0}` on `actions/checkout`",
                f"{workflow.path}:{checkout.line}",
            )


def tags(scene: Scene) -> Iterator[Answer]:
    """Whether the clone has the git tags that make versions."""
    clone = scene.clone
    if isinstance(clone, Broken):
        yield unchecked(Unasked("the clone cannot be read"))
        return
    counted = f"{clone.versions} version tag{'' if clone.versions == 1 else 's'}"
    if isinstance(clone.missing, Unasked):
        if clone.versions == 0 and clone.remote is not None:
            yield warning("the clone has no version tag", remedy(scene.system, "no-tags"))
        else:
            yield ok(f"the clone has {counted}")
        yield unchecked(Unasked(f"tags of the remote: {clone.missing.reason}"))
    elif clone.missing:
        names = ", ".join(f"`{name}`" for name in clone.missing[:_SHOWN])
        more = ", …" if len(clone.missing) > _SHOWN else ""
        yield warning(
            f"the clone lacks {len(clone.missing)} of the remote's version tags: {names}{more}",
            remedy(scene.system, "no-tags"),
        )
    else:
        yield ok(f"the clone has {counted}, and the remote has no more")


def credentials(scene: Scene) -> Iterator[Answer]:
    """The credential that a checkout leaves in the clone, against the log store, which is the only user of it."""
    wanted = isinstance(scene.log, LogPlace) and scene.log.store == "git"
    own_token = _TOKEN in scene.variables
    said = False
    for workflow, job, checkout in _checkouts(scene):
        persists = checkout.inputs.get("persist-credentials", "true").strip().lower() != "false"
        place = f"{workflow.path}:{checkout.line}"
        if wanted and not persists and not own_token and _lacks_token(workflow, job):
            said = True
            yield problem(
                "`log: {store: git}` pushes, and this checkout leaves no credential",
                "take `persist-credentials: false` out of `actions/checkout`, or give the step "
                "`env: {SHIPMARK_LOG_TOKEN: ${{ github.token }}}`, and the job `permissions: {contents: write}`",
                1,
                place,
            )
        elif persists and not wanted and not isinstance(scene.log, Unasked):
            said = True
            yield warning(
                "this checkout leaves its token where later steps can read it, and the log needs none",
                "set `with: {persist-credentials: false}` on `actions/checkout`",
                place,
            )
    if said:
        return
    if isinstance(scene.log, Unasked):
        yield unchecked(scene.log)
    elif wanted:
        yield ok("the git log has a way to its credential")
    elif isinstance(scene.clone, Broken) or not scene.clone.persisted or scene.system == "none":
        yield ok("the log needs no credential of the clone")
    else:
        yield warning(
            "git's settings in this clone hold a credential, and the log needs none",
            "set `persist-credentials: false` on the checkout, or remove the setting: "
            "`git config --local --get-regexp extraheader`",
        )


def _lacks_token(workflow: Workflow, job: Job) -> bool:
    """Whether a step of the job writes the version log, and neither it, the job nor the workflow has its token."""
    root = workflow.document.value
    outer = [one for one in (root, job.value) if isinstance(one, Mapping)]
    if any(_TOKEN in _env_of(one) for one in outer):
        return False
    return any(_writes(step) and _TOKEN not in _env_of(step.value) for step in job.steps)


def _env_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    found = value.get("env")
    return found if isinstance(found, Mapping) else {}


def _writes(step: Step) -> bool:
    """Whether the step runs a command that records something in the version log."""
    if step.own_action is not None:
        return step.own_action == "" and step.inputs.get("command", "preview").strip() in _WRITERS
    return any(word in _WRITERS for word in re.findall(r"(?m)\bshipmark\s+(\w+)", step.text("run")))


def _checkouts(scene: Scene) -> Iterator[tuple[Workflow, Job, Step]]:
    """The last checkout of this repository before the first step with shipmark, in each job that has one."""
    for workflow in scene.workflows:
        for job in workflow.jobs:
            own = next((number for number, step in enumerate(job.steps) if step.uses_shipmark), None)
            if own is not None and (here := job.checkout_before(own)) is not None:
                yield workflow, job, here
