"""`init`: shows, or writes, a starting config and the CI files of a repository."""

from __future__ import annotations

import os
import posixpath
from typing import Any

import msgspec

from release.app.config_file import CONFIG_NAME, require_none
from release.app.session import Session
from release.app.setup.init.component_folders import component_drafts
from release.app.setup.init.config_text import config_text
from release.app.setup.init.convert.jobs import METADATA, Facts
from release.app.setup.init.convert.model import Converted, Draft
from release.app.setup.init.convert.workflows import convert_workflows
from release.app.setup.init.definitions import Source, github, gitlab, jenkins
from release.app.setup.init.discover import Found, discover, is_shipmarks
from release.app.setup.init.report import InitFile, InitReport, changed_file, new_file
from release.app.setup.init.source import source_of
from release.app.setup.init.write import write_files
from release.app.setup.workflows.model import Workflow
from release.app.valid_targets import require_valid_targets
from release.config.load import load
from release.errors import ConfigError
from release.oci.reference import Reference

_NEW_WORKFLOW = ".github/workflows/shipmark.yml"
_LOG = {"store": "git"}
#: System -> its file, the file beside it if somebody has written that one, and how the second gets into use.
_BESIDE = {
    "gitlab": (
        ".gitlab-ci.yml",
        ".gitlab/shipmark.yml",
        "add to `.gitlab-ci.yml`: `include: [{local: .gitlab/shipmark.yml}]`",
    ),
    "jenkins": (
        "Jenkinsfile",
        "shipmark.Jenkinsfile",
        "let a multibranch job use `shipmark.Jenkinsfile`, or take its stages into `Jenkinsfile`",
    ),
}


class InitRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`write`: write the files that are shown. `source`: of shipmark, as `HOST/OWNER/REPOSITORY@COMMIT`.

    `systems`: the CI systems to write files for, in place of those that are found.
    """

    write: bool = False
    source: str | None = None
    systems: tuple[str, ...] = ()


def init(session: Session, request: InitRequest) -> InitReport:
    """Find out what the repository has, and make the files that it lacks. An existing config is never changed.

    A workflow is changed only with `write`, and only if git holds its present content, so that it can be restored.
    Raises `ConfigError` where the image, or where shipmark came from, is not known, and `RefusedError` for a file that
    may not be changed.
    """
    found = discover(session)
    if not found.has_config:
        require_none(session, os.path.join(session.root, CONFIG_NAME))
    if request.systems:
        found = msgspec.structs.replace(found, systems=request.systems)
    # Without a CI file to write, it does not matter where shipmark comes from.
    source = source_of(session, request.source) if found.systems or request.source is not None else None
    converted = () if found.has_config or source is None else _converted(found, source)
    # By name: the jobs of one component name it more than once.
    drafts = [*{draft.name: draft for one in converted for draft in one.drafts}.values()]
    notes: list[str] = []
    files: list[InitFile] = []
    if not found.has_config:
        text = _config(session, found, drafts)
        for component in load(text, CONFIG_NAME, _any_variable(text)).components:
            require_valid_targets(component)
        files.append(new_file(CONFIG_NAME, text))
        if drafts:
            notes.append(
                "the version log is a file that goes with the runner; to keep it: `log: {store: git}` in shipmark.yml, "
                "`permissions: {contents: write}` on the job, and its token as SHIPMARK_LOG_TOKEN"
            )
    elif any(_has_metadata(one) for one in found.workflows):
        notes.append(f"`{CONFIG_NAME}` exists, so workflows with docker/metadata-action stay as they are")
    notes += _unused_image(session, found, drafts)
    before = {one.path: one.text for one in found.workflows}
    files += [
        changed_file(one.path, before[one.path], one.text)
        for one in converted
        if one.text != before[one.path]
    ]
    if source is None:
        notes.append(
            "no CI system is found here, so there is no CI file to write; "
            "`--for github`, `gitlab` or `jenkins` names one"
        )
    else:
        files += _definitions(session, found, source, notes, is_converted=bool(drafts))
    notes += [f"`{one.path}` cannot be read, and stays as it is: {one.reason}" for one in found.unread]
    if not found.dockerfiles and not drafts:
        notes.append(_without_dockerfile(found))
    if request.write:
        write_files(session, files)
    return InitReport(
        written=request.write,
        files=tuple(files),
        left=tuple(left for one in converted for left in one.left),
        notes=tuple(notes),
    )


def _unused_image(session: Session, found: Found, drafts: list[Draft]) -> list[str]:
    """A note about `--image`, unless it went into the config."""
    if not session.settings.images or not (found.has_config or drafts):
        return []
    says = f"`{CONFIG_NAME}`, which exists, says" if found.has_config else "the converted workflows say"
    return [f"`--image` is not written down: {says} where the image goes"]


def _without_dockerfile(found: Found) -> str:
    if not found.others:
        return "there is no Dockerfile: `shipmark dockerfile new --template go` writes one"
    key = f"`build: {{dockerfile: {found.others[0]}}}`"
    return f"there is no `Dockerfile`; to build another file, write {key} into {CONFIG_NAME}"


def _converted(found: Found, source: Source) -> tuple[Converted, ...]:
    owner = found.path.split("/")[0]
    known = {"repository": found.path.lower(), "repository_owner": owner.lower()} if found.path else {}
    facts = Facts(
        action=source.action, github={**known, "server_url": f"https://{found.host}"}, files=found.bake
    )
    return convert_workflows(found.workflows, facts)


def _has_metadata(workflow: Workflow) -> bool:
    return any(step.action == METADATA for step in workflow.steps)


def _config(session: Session, found: Found, drafts: list[Draft]) -> str:
    """The text of the config: of what was converted, else one component for each Dockerfile."""
    if drafts:
        return config_text(drafts, {})
    more: dict[str, Any] = {"log": _LOG} if "github" in found.systems[:1] else {}
    images = session.settings.images or _guessed(found)
    if not images:
        raise ConfigError(
            "where the image goes is not known: this clone has no remote on a host with a registry",
            hint="name it: `shipmark init --image ghcr.io/acme/app`",
        )
    if len(found.dockerfiles) > 1 and "Dockerfile" not in found.dockerfiles and len(images) == 1:
        return config_text(component_drafts(images[0], found.dockerfiles), more)
    section: dict[str, Any] = {"image": images[0]} if len(images) == 1 else {"images": [*images]}
    first = next(iter(found.dockerfiles), "Dockerfile")
    if first != "Dockerfile":
        folder = posixpath.dirname(first) or "."
        section["build"] = {**({"context": folder} if folder != "." else {}), "dockerfile": first}
    return config_text([Draft(name="app", section=section)], more)


def _guessed(found: Found) -> tuple[str, ...]:
    registry = {"github.com": "ghcr.io", "gitlab.com": "registry.gitlab.com"}.get(found.host)
    return (f"{registry}/{found.path.lower()}",) if registry and found.path else ()


def _any_variable(text: str) -> dict[str, str]:
    """A value for every variable that the new config uses, so that it can be checked before the job runs."""
    from release.config.variables import names_in

    return dict.fromkeys(names_in(text), "x")


def _definitions(
    session: Session, found: Found, source: Source, notes: list[str], *, is_converted: bool
) -> list[InitFile]:
    """The CI files of systems that have none of shipmark yet."""
    files: list[InitFile] = []
    used = any(one.uses_shipmark for one in found.workflows)
    for system in found.systems:
        if system == "github" and not is_converted and not used:
            _require_loadable(source, found)
            text = github(source, branch=found.branch, registry=_registry(session, found))
            files.append(new_file(_NEW_WORKFLOW, text))
        elif system in _BESIDE and not is_shipmarks(session.root, _BESIDE[system][0]):
            own, beside, note = _BESIDE[system]
            text = (
                gitlab(source, registry=_registry(session, found), host=found.host)
                if system == "gitlab"
                else jenkins(source, branch=found.branch)
            )
            exists = os.path.lexists(os.path.join(session.root, own))
            files.append(new_file(beside if exists else own, text))
            notes += [note] if exists else []
        elif system not in {"github", *_BESIDE}:
            notes.append(f"{system}: take the example of `{source.url}/tree/{source.commit}/ci`")
    return [one for one in files if not os.path.lexists(os.path.join(session.root, one.path))]


def _registry(session: Session, found: Found) -> str:
    """The registry of the first image that is not a layout; GitHub's if none is known."""
    configured = (
        [one.image for part in session.config.components for one in part.targets] if found.has_config else []
    )
    images = [*(session.settings.images or configured or _guessed(found)), "ghcr.io/x/y"]
    return Reference.parse(next(one for one in images if not one.startswith("oci:"))).registry


def _require_loadable(source: Source, found: Found) -> None:
    """Raise `ConfigError` if GitHub would look for the action's repository at another host."""
    host = source.url.split("/")[2]
    if host not in {"github.com", found.host}:
        raise ConfigError(
            f"GitHub loads no action from `{host}`, where this shipmark came from",
            hint="name a repository on github.com: `shipmark init --shipmark github.com/OWNER/shipmark@COMMIT`",
        )
