"""Lists the tags of a repository.

Source: OCI distribution-spec v1.1, "Listing Tags".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from release.decoding import decode
from release.errors import Invalid, NotFound
from release.hints import ODD_ANSWER
from release.oci.grammar import is_tag
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.pagination import read_names


class _TagPage(msgspec.Struct):
    tags: list[object] | None = None


def list_tags(host: Host, call: Callable[[str], Call]) -> tuple[str, ...]:
    """All valid tags once, in the registry's order; () for a repository that does not exist.

    `call`: makes the request from its path.
    """
    pages = read_names(
        host, lambda query: call(f"tags/list{query}"), partial(_tags_of, host), name="list of tags"
    )
    try:
        return tuple(dict.fromkeys(pages))
    except NotFound:
        return ()


def _tags_of(host: Host, raw: bytes) -> tuple[str, ...]:
    try:
        page = decode(raw, _TagPage)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(
            f"`{host.registry}` answered something that is not a list of tags", hint=ODD_ANSWER
        ) from error
    return tuple(tag for tag in page.tags or [] if isinstance(tag, str) and is_tag(tag))
