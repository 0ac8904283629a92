"""Web addresses of commits, CI runs and images, as far as the log's texts make safe ones. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from release.lazy_pattern import pattern
from release.tagging.labels import source_url

_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
# Characters that RFC 3986 allows in an address. Others, such as quotation marks, blanks and backslashes, have no place
# in a link, and browsers repair them in ways that differ.
_ADDRESS = pattern(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
_REPOSITORY = pattern(r"[a-z0-9._/-]+", re.ASCII)
# Longer addresses are not those of a run or a repository, and would make each row of the page longer.
_LONGEST = 500
#: Registries with web pages for repositories; `{}` stands for the repository. Other registries' pages need an account,
#: or cannot be told from the image's name.
_PAGES = {
    "docker.io": "https://hub.docker.com/r/{}",
    "index.docker.io": "https://hub.docker.com/r/{}",
    "ghcr.io": "https://ghcr.io/{}",
    "quay.io": "https://quay.io/repository/{}",
    "registry.gitlab.com": "https://gitlab.com/{}/container_registry",
    "public.ecr.aws": "https://gallery.ecr.aws/{}",
    "gcr.io": "https://gcr.io/{}",
    "mcr.microsoft.com": "https://mcr.microsoft.com/artifact/mar/{}",
}


def web_address(text: str) -> str:
    """`text` if it is an address that a page may link to, else `""`: http or https, a host, and no credentials."""
    if len(text) > _LONGEST or not _ADDRESS.fullmatch(text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets that hold no IPv6 address
        return ""
    return text if parts.hostname and parts.username is None and parts.password is None else ""


def commit_folder(remote: str) -> str:
    """The address, with a slash at its end, behind which a commit's page has the commit's id; `""` if there is none."""
    address = web_address(source_url(remote) or "")
    host = urlsplit(address).hostname or ""
    if not address or host.startswith("ssh."):  # such a host serves no pages: ssh.dev.azure.com
        return ""
    if "gitlab" in host:
        return f"{address}/-/commit/"
    return f"{address}/commits/" if host == "bitbucket.org" else f"{address}/commit/"


def is_commit_id(text: str) -> bool:
    """Whether `text` is a whole commit id."""
    return _COMMIT.fullmatch(text) is not None


def image_page(target: str) -> str:
    """The web page of a target's repository; `""` if the registry has none that is known."""
    registry, _, repository = target.partition("/")
    if registry not in _PAGES or not _REPOSITORY.fullmatch(repository) or ".." in repository:
        return ""
    if registry == "registry.gitlab.com":
        # A project's images may lie below it: group/project/image. The first two parts are the project.
        repository = "/".join(repository.split("/")[:2])
    return web_address(_PAGES[registry].format(repository))
