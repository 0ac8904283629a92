"""Labels of an image: those that shipmark sets and compares, and the address of the source code. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from release.tagging.model import Held

if TYPE_CHECKING:
    from release.oci import ImageFacts

REVISION = "org.opencontainers.image.revision"
VERSION = "org.opencontainers.image.version"
#: Label with the hash of the build's inputs, `schema:sha256`; see `release.plan.inputs`.
INPUTS = "dev.shipmark.inputs"
#: How `ImageFacts.disputed` and `Held.disputed` name a platform whose config contradicts the index.
PLATFORM = "platform"

#: Labels that differ between images of different releases. `Held.disputed` names these only: other labels are not
#: compared.
TELLING = frozenset({REVISION, VERSION, INPUTS, PLATFORM})


def held_image(target: str, tag: str, digest: str, facts: ImageFacts | None) -> Held:
    """The state of `tag` (or a digest) on `target`. `facts`: None if the manifest was deleted meanwhile."""
    if facts is None:
        return Held(target=target, tag=tag, state="held", digest=digest)
    return Held(
        target=target,
        tag=tag,
        state="held",
        digest=digest,
        revision=facts.labels.get(REVISION),
        version=facts.labels.get(VERSION),
        inputs=facts.labels.get(INPUTS),
        platforms=facts.platforms,
        disputed=tuple(name for name in facts.disputed if name in TELLING),
    )


# Patterns as text: most runs need none of them, and compiling all takes longer than the rest of the module.
_SCP_LIKE = r"(?:[^@/:]+@)?([A-Za-z0-9.-]+):(?!//)(.+)"
_WITH_SCHEME = r"(?:https?|ssh|git|git\+ssh)://(?:[^@/]*@)?([A-Za-z0-9.-]+)(?::[0-9]+)?/(.+)"


def source_url(remote: str | None) -> str | None:
    """The https address of a remote (`git@host:acme/app.git`, `ssh://…`, `https://…`), without credentials.

    None for a folder or a `file:` remote: the image's bytes must not depend on the path of somebody's clone.
    """
    if remote is None:
        return None
    match = re.fullmatch(_WITH_SCHEME, remote, re.ASCII) or re.fullmatch(_SCP_LIKE, remote, re.ASCII)
    if match is None or "." not in match[1]:
        return None
    path = match[2].strip("/").removesuffix(".git")
    return f"https://{match[1].lower()}/{path}"
