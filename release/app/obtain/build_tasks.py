"""Makes the build task of a release: the options, the values of arguments, and the paths that are no input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from release.build import BuildTask, BuildValues
from release.config.load import Config
from release.config.variables import expand
from release.plan.release_input import ReleaseInput

_LAYOUT = "oci:"


def task_of(subject: ReleaseInput, root: str, outputs: Sequence[str] = ()) -> BuildTask:
    """The build task of a release, without the values of build arguments. `outputs`: as `outputs_of` gives them."""
    decision = subject.decision
    return BuildTask(
        spec=subject.build,
        root=root,
        outputs=tuple(outputs),
        labels=decision.labels,
        annotations=decision.annotations,
        created=subject.committed_at,
        own_dockerfile=subject.own_dockerfile,
    )


def outputs_of(config: Config) -> tuple[str, ...]:
    """The paths in the workspace that shipmark writes by the configuration: OCI layouts, version logs, their locks."""
    layouts = [
        target.image.removeprefix(_LAYOUT)
        for component in config.components
        for target in component.targets
        if target.image.startswith(_LAYOUT)
    ]
    logs = [section.path for section in config.log if section.store == "file"]
    return (*layouts, *(name for path in logs for name in (path, f"{path}.lock")))


def values_of(subject: ReleaseInput, env: Mapping[str, str]) -> BuildValues:
    """Build arguments with `{{version}}`, `${NAME}` and the like replaced; neither plans nor the log contain them."""
    if not subject.build.args:
        return BuildValues(args={})
    from release.tagging.version_text import fill_names  # imported late: most builds have no arguments

    decision = subject.decision
    names = {
        "version": decision.version or "",
        "commit": decision.commit,
        "sha": decision.commit[:12],
        "channel": decision.channel,
        "git_tag": decision.git_tag or "",
    }
    return BuildValues(
        args={
            name: fill_names(expand(text, env, key=f"build.args.{name}"), names, source=f"build.args.{name}")
            for name, text in subject.build.args.items()
        }
    )
