"""The environment of the programs. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping


def child_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without shipmark's own variables, which hold credentials, and with buildx's default attestations off."""
    kept = {
        name: value
        for name, value in env.items()
        if not name.startswith("SHIPMARK_") and name not in _DROPPED
    }
    return kept | {
        # The default metadata holds the values of build arguments.
        "BUILDX_METADATA_PROVENANCE": "disabled",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        # The context is not a git repository: buildx would look for one in the folders above.
        "BUILDX_GIT_INFO": "false",
        "NO_COLOR": "1",
    }


#: Variables that would change the image or the format of the progress output.
_DROPPED = frozenset(
    {
        "BUILDX_GIT_LABELS",
        "BUILDX_METADATA_WARNINGS",
        "BUILDKIT_PROGRESS",
        "BUILDX_EXPERIMENTAL",
        "SOURCE_DATE_EPOCH",
    }
)


def docker_folder(env: Mapping[str, str]) -> str:
    """The folder of docker's client with `config.json`; a relative path if the environment names no home."""
    return env.get("DOCKER_CONFIG") or posixpath.join(env.get("HOME", ""), ".docker")


def buildx_folder(env: Mapping[str, str]) -> str:
    """The folder in which buildx keeps its builders and what it knows of them, below that of docker's client."""
    return env.get("BUILDX_CONFIG") or posixpath.join(docker_folder(env), "buildx")
