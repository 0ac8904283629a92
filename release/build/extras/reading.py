"""Reads what a build takes beside its Dockerfile and context: secrets, and folders that are named contexts."""

from __future__ import annotations

from collections.abc import Mapping

from release.build import BuildTask, BuildValues
from release.build.context import open_named
from release.build.extras.build_secrets import Secrecy, read_secrets, require_agents
from release.build.extras.options import Extras, extras_of


def read_extras(task: BuildTask, values: BuildValues, env: Mapping[str, str]) -> tuple[Extras, Secrecy]:
    """The checked options, and what hides the values of secrets and arguments in texts.

    Raises `BuildError` for a wrong option, a secret without a value, an agent that is not there, and a folder that
    cannot be read.
    """
    extras = extras_of(task.spec, task.root, env)
    secrets = read_secrets(extras.secrets, env, task.root)
    require_agents(extras.ssh)
    for name, folder in extras.folders.items():
        open_named(task, name, folder)
    return extras, Secrecy(values.args, secrets)
