"""Paginated lists: follows `Link` headers on the same origin, each page once. Source: RFC 8288."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from release.errors import Invalid, NotFound
from release.registry.host import Call, Host
from release.registry.http.client import Answer

_LINK = re.compile(r"<([^<>\s]+)>([^<]*)")
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)', re.IGNORECASE)
# Characters of the header that are parsed.
# Real links have a few hundred; bounds the time that the regular expression takes on the header of a hostile registry.
_LONGEST = 16 * 1024


def next_link(header: str | None) -> str | None:
    """The unresolved target of the link with `rel="next"`, or None."""
    for target, parameters in _LINK.findall((header or "")[:_LONGEST]):
        if _NEXT.search(parameters):
            return str(target)
    return None


def read_pages(host: Host, call: Call, *, most: int, name: str) -> Iterator[tuple[Answer, bytes]]:
    """Yield the answer and the body of each page. `most`: bytes of a page. `name`: of the list, in messages.

    Raises the error for the first page's status (`NotFound` for a list that does not exist), and `Invalid` for a list
    that breaks off, continues at another host, or does not end.
    """
    path, seen = call.path, set[str]()
    while path not in seen and len(seen) < host.ports.sizes.pages:
        seen.add(path)
        try:
            answer, raw = host.fetch(msgspec.structs.replace(call, path=path), 200, most=most, name=name)
        except NotFound as error:
            if len(seen) == 1:
                raise
            raise Invalid(
                f"the {name} of `{host.registry}` breaks off after {len(seen) - 1} pages"
            ) from error
        yield answer, raw
        link = next_link(answer.headers.get("Link"))
        if link is None:
            return
        path = host.next_page(answer, link)
    raise Invalid(f"the {name} of `{host.registry}` does not end")
