"""Lists the repositories of a registry, where it answers that.

Source: the API of distribution, "Catalog". The OCI distribution-spec does not have this request; Docker Hub, GHCR and
GitLab do not answer it, or list repositories of everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from release.decoding import decode
from release.errors import Denied, Invalid, NotFound
from release.hints import ODD_ANSWER
from release.oci.grammar import is_repository
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.pagination import read_names

# Source: distribution's token specification: the right to list repositories.
_SCOPE = "registry:catalog:*"
# Repositories that are read from one registry. A list that goes on is that of a public registry with everybody's
# repositories, such as GHCR's, which takes hours to read.
_MOST = 200_000
_HINT = "write the repositories into a file, one on a line, and name it: `--repositories FILE`"


class _Page(msgspec.Struct):
    repositories: list[object] | None = None


def list_repositories(host: Host, within: str, wanted: Callable[[str], bool]) -> tuple[str, ...]:
    """The repositories for which `wanted` holds, sorted. `within`: the path whose credential is used, `acme`.

    Raises `NotFound`, `Invalid` or `Denied` for a registry that does not list its repositories, with a hint.
    """

    def call(query: str) -> Call:
        what = f"the list of repositories of `{host.registry}`"
        return Call(
            method="GET", path=f"/v2/_catalog{query}", what=what, subject=within, scopes=(_SCOPE,), headers={}
        )

    found: set[str] = set()
    pages = read_names(host, call, partial(_names_of, host), name="list of repositories")
    try:
        for number, name in enumerate(pages):
            if number >= _MOST:
                raise Invalid(f"`{host.registry}` lists more than {_MOST} repositories", hint=_HINT)
            if wanted(name):
                found.add(name)
    except (NotFound, Invalid, Denied) as error:
        raise type(error)(
            f"`{host.registry}` does not list its repositories: {error.message}",
            # A credential may be what is missing.
            hint=f"{error.hint}; or {_HINT}" if isinstance(error, Denied) and error.hint else _HINT,
            status=error.status,
            code=error.code,
        ) from error
    return tuple(sorted(found))


def _names_of(host: Host, raw: bytes) -> tuple[str, ...]:
    try:
        page = decode(raw, _Page)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(
            f"`{host.registry}` answered something that is not a list of repositories", hint=ODD_ANSWER
        ) from error
    return tuple(one for one in page.repositories or [] if isinstance(one, str) and is_repository(one))
