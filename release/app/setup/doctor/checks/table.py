"""The table of all checks. A new check is a function, a row here, and a row in `docs/doctor.md`."""

from __future__ import annotations

import msgspec

from release.app.setup.doctor.checks import clone, places, project, workflow
from release.app.setup.doctor.checks.answer import Judge


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A check. `about`: what it looks at, for people."""

    name: str
    about: str
    judge: Judge


#: In the order in which findings are shown: what every command needs first, then what a release needs.
CHECKS: tuple[Check, ...] = (
    Check(name="git", about="version of git", judge=clone.git),
    Check(name="history", about="depth of the clone and of checkouts", judge=clone.history),
    Check(name="git-tags", about="git tags that the clone lacks", judge=clone.tags),
    Check(name="config", about="shipmark.yml", judge=project.config),
    Check(name="images", about="config files that share an image", judge=project.images),
    Check(name="build", about="Dockerfile and platforms against the builders at hand", judge=project.build),
    Check(name="ci-files", about="CI files that can be read", judge=workflow.files),
    Check(name="inputs", about="inputs of the action in workflows", judge=workflow.inputs),
    Check(name="events", about="tag pushes beside release events", judge=workflow.events),
    Check(name="tekton", about="what a trigger tells the Task", judge=workflow.tekton),
    Check(name="credentials", about="the token that a checkout leaves", judge=clone.credentials),
    Check(name="log", about="whether the log can be written, and stays", judge=places.log),
    Check(name="cache", about="images that the container of an agent loses", judge=places.cache),
    Check(name="registry", about="whether each registry answers", judge=places.reach),
    Check(name="push", about="right to push and to create", judge=places.push),
    Check(name="delete", about="right to delete", judge=places.deletion),
    Check(name="rate-limit", about="limits that registries name", judge=places.limits),
    Check(name="clock", about="this clock against the registries'", judge=places.clock),
)
