"""Compares what BuildKit's conversion refuses with what shipmark refuses before a build, and lists the differences."""

from __future__ import annotations

import re
from typing import Any

from release.build.buildkit.obstacles import BUILDKIT_FEATURES
from release.build.dockerfile.features.needs import needs_of
from release.build.dockerfile.parser import parse
from release.errors import BuildError
from release.oci.image_json import parse_platform

# What BuildKit knows only once it has read the config of a base image: its variables and its WORKDIR.
_OF_THE_BASE = (
    "invalid signal: ",
    "VOLUME specified can not be an empty string",
    "failed to process ",
    "invalid secret mount",
    "invalid value ",
    "invalid mount target ",
    "invalid containerPort: ",
    "invalid port: ",
    "mode not allowed for ",
    "unexpected key ",
    "unsupported mount type ",
)
_REASONS = {
    "has no command": "`RUN []` fails when BuildKit starts the command",
    "`--chown` names": "BuildKit finds out when it copies that a user does not exist",
    "without `/etc/passwd`": "BuildKit finds out when it makes the folder that a user does not exist",
    "is not a platform": "BuildKit finds out at the registry that no image has such a platform",
}


def refusal(question: dict[str, Any]) -> str | None:
    """Return the error with which `preview` refuses the Dockerfile for BuildKit; None if it takes it."""
    try:
        needs_of(
            parse(question["dockerfile"]),
            target=question["target"] or None,
            given=question["args"],
            platform=parse_platform(question["platform"]),
            build=parse_platform("linux/amd64"),
        ).require(BUILDKIT_FEATURES, "BuildKit")
    except BuildError as error:
        return str(error)
    return None


def known_difference(question: dict[str, Any], ours: str | None, buildkit: str | None) -> str | None:
    """Return why `ours` differs from BuildKit's answer on purpose; None if no known reason applies."""
    text = question["dockerfile"]
    if ours is None:
        has_base = re.search(r"(?im)^[ \t]*FROM(?![ \t]+(?:--\S+[ \t]+)?scratch\b)", text)
        if has_base and (buildkit or "").startswith(_OF_THE_BASE):
            return "what the base image sets is not known before the build"
        return None
    if re.search(r"(?i)ONBUILD", text):
        return "a trigger is checked here, and by BuildKit when another image is built on this one"
    if "there is no earlier stage" in ours and re.search(r"(?i)--from=|--mount", text):
        return (
            "BuildKit counts images that are copied from as stages behind the last one: `--from=2` can be one"
        )
    if re.search(r"<<\S*\$\{", text):
        return "BuildKit forgets the beginning of a word in front of `${NAME#x}`: `<<${A#b}C` begins no here-document"
    return next((reason for said, reason in _REASONS.items() if said in ours), None)
