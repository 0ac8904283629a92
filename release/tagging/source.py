"""The address of the source code, as a label: the same for every clone of one repository."""

from __future__ import annotations

import re

_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?([A-Za-z0-9.-]+):(?!//)(.+)", re.ASCII)
_WITH_SCHEME = re.compile(
    r"(?:https?|ssh|git|git\+ssh)://(?:[^@/]*@)?([A-Za-z0-9.-]+)(?::[0-9]+)?/(.+)", re.ASCII
)


def source_url(remote: str | None) -> str | None:
    """The https address of a remote (`git@host:acme/app.git`, `ssh://…`, `https://…`), without credentials.

    None for a folder or a `file:` remote: where somebody's clone lies says nothing of the source, and the
    image's bytes must not depend on it.
    """
    if remote is None:
        return None
    match = _WITH_SCHEME.fullmatch(remote) or _SCP_LIKE.fullmatch(remote)
    if match is None or "." not in match[1]:
        return None
    path = match[2].strip("/").removesuffix(".git")
    return f"https://{match[1].lower()}/{path}"
