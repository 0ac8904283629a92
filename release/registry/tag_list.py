"""Lists the tags of a repository, in smaller pages where the registry refuses large ones.

Source: OCI distribution-spec v1.1, "Listing Tags".
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from release.decoding import decode
from release.errors import Invalid, NotFound
from release.oci.reference import is_tag
from release.registry.host import Call, Host
from release.registry.pagination import read_pages

# Tags on one page, as the parameter `n`. A registry may return fewer; smaller pages need more requests.
# Some registries refuse a number above their limit, which is 100 with most of them, instead of returning fewer
# (distribution-spec#607); at last no number is sent, and the registry chooses.
_PAGES = (1000, 100, None)
# Statuses with which registries refuse the number.
_REFUSALS = frozenset({400, 413, 416, 422})
# Bytes of one page of tags.
# A registry may ignore `n` and return all tags at once: enough for about 120,000 tags of 128 characters.
# Bounds the memory that a hostile registry can fill.
_LARGEST_PAGE = 16 * 1024 * 1024


class _TagPage(msgspec.Struct):
    tags: list[object] | None = None


def list_tags(host: Host, call: Callable[[str], Call]) -> tuple[str, ...]:
    """All valid tags once, in the registry's order; () for a repository that does not exist.

    `call`: makes the request from its path. The size of pages that the host accepts is used for its later lists.
    """
    for size in _PAGES[host.page :]:
        found: dict[str, None] = {}
        try:
            first = call("tags/list" if size is None else f"tags/list?n={size}")
            for _, raw in read_pages(host, first, most=_LARGEST_PAGE, name="list of tags"):
                found.update(dict.fromkeys(_tags_of(raw, host)))
        except NotFound:
            return ()
        except Invalid as error:
            if found or size is None or error.status not in _REFUSALS:
                raise
            host.page = _PAGES.index(size) + 1
            continue
        return tuple(found)
    return ()


def _tags_of(raw: bytes, host: Host) -> tuple[str, ...]:
    try:
        page = decode(raw, _TagPage)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"`{host.registry}` answered something that is not a list of tags") from error
    return tuple(tag for tag in page.tags or [] if isinstance(tag, str) and is_tag(tag))
