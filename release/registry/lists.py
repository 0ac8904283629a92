"""Lists that a registry gives in pages: followed at the same origin only, each page once, to an end."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from release.errors import Invalid, NotFound
from release.registry.host import Call, Host
from release.registry.pages import next_link
from release.registry.transport import Answer

_MOST_PAGES = 10_000


def read_pages(host: Host, call: Call, *, most: int, name: str) -> Iterator[tuple[Answer, bytes]]:
    """Each page with its answer. `most`: bytes of a page; `name`: what messages call one.

    Raises what the first page's status means (`NotFound` for a list that does not exist), and `Invalid` for a list that
    breaks off, leads to another host, or does not end.
    """
    path, seen = call.path, set[str]()
    while path not in seen and len(seen) < _MOST_PAGES:
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
