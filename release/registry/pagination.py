"""Paginated lists: follows `Link` headers on the same origin, each page once. Source: RFC 8288.

Pages are smaller where the registry refuses large ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from release.errors import Invalid, NotFound, RegistryError
from release.hints import ODD_ANSWER
from release.lazy_pattern import pattern
from release.limits import LISTED_NAMES
from release.registry.hosts.call import Call
from release.registry.hosts.host import Host
from release.registry.hosts.refusal_hints import PROXY
from release.registry.http.answer import Answer

_LINK = pattern(r"<\s*([^<>\s]+)\s*>([^<]*)")
# RFC 8288 has double quotes only; a list that ends too early for the sake of others would look complete.
_NEXT = pattern(r""";\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|'[^']*\bnext\b[^']*'|next\b)""", re.IGNORECASE)
# A parameter that says what a link is, for example `rel="prev"` or `rel*=UTF-8''next`.
_REL = pattern(r";\s*rel\*?\s*=", re.IGNORECASE)
# A header that speaks of a next page, in whatever form.
_MENTIONED = pattern(r"""\brel\s*=\s*["']?[^"',;]{0,200}\bnext\b""", re.IGNORECASE)
# Characters of the header that are parsed.
# Real links have a few hundred; bounds the time that the regular expression takes on the header of a hostile registry.
_LONGEST = 16 * 1024
# Names on one page, as the parameter `n`. A registry may return fewer; smaller pages need more requests.
# Some registries refuse a number above their limit, which is 100 with most of them, instead of returning fewer
# (distribution-spec#607); at last no number is sent, and the registry chooses.
_SIZES = (1000, 100, None)
# Statuses with which registries refuse the number.
_REFUSALS = frozenset({400, 413, 416, 422})
# The code with which a registry says that there is no such list (OCI distribution-spec v1.1, "Error Codes").
_NO_LIST = "NAME_UNKNOWN"
# Pages in a row without a name that is new. A registry may filter names and so return empty pages; a list that goes on
# for longer without a new name goes round in a circle, each time with another link.
_FRUITLESS = 50
# Bytes of one page of names.
# A registry may ignore `n` and return all names at once: enough for about 120,000 tags of 128 characters.
# Bounds the memory that a hostile registry can fill.
_LARGEST_PAGE = 16 * 1024 * 1024
_TOO_LONG = (
    "delete what nobody needs in the registry; if it does not hold so many, its log says why it answers so"
)


def next_link(header: str | None) -> str | None:
    """The unresolved target of the link with `rel="next"`, or None.

    A single link that does not say what it is counts as well, as for crane and skopeo: a list taken for complete would
    let versions on its other pages count as unpublished.
    """
    links = _LINK.findall((header or "")[:_LONGEST])
    for target, parameters in links:
        if _NEXT.search(parameters):
            return str(target)
    if len(links) == 1 and not _REL.search(links[0][1]):
        return str(links[0][0])
    return None


def breaks_off(header: str | None) -> bool:
    """Whether a header without a readable next link speaks of a next page: such a list must not count as complete."""
    text = header or ""
    return len(text) > _LONGEST or _MENTIONED.search(text) is not None


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
                f"the {name} of `{host.registry}` breaks off after {len(seen) - 1} pages", hint=ODD_ANSWER
            ) from error
        yield answer, raw
        header = answer.headers.get("Link")
        link = next_link(header)
        if link is None:
            if breaks_off(header):
                raise Invalid(
                    f"the {name} of `{host.registry}` goes on at a place that cannot be read", hint=PROXY
                )
            return
        path = host.origin.next_page(answer, link)
    raise Invalid(f"the {name} of `{host.registry}` does not end", hint=PROXY)


def read_names(
    host: Host, call: Callable[[str], Call], names_of: Callable[[bytes], tuple[str, ...]], *, name: str
) -> Iterator[str]:
    """Yield the names in a list, in the registry's order. The size of pages that the host accepts is used again.

    `call`: makes the request from its query, `?n=1000` or nothing. `names_of`: the names on a page; raises `Invalid`.
    `name`: of the list, in messages. Raises what `read_pages` raises.
    """
    for at, size in enumerate(_SIZES[host.page :], host.page):
        first, found = call("" if size is None else f"?n={size}"), False
        try:
            for one in _names(host, first, names_of, name):
                found, host.page = True, at
                yield one
        except (Invalid, NotFound) as error:
            if found or size is None or not _refuses_size(error):
                raise
            if error.status in _REFUSALS:
                host.page = at + 1
            continue
        return


def _names(host: Host, first: Call, names_of: Callable[[bytes], tuple[str, ...]], name: str) -> Iterator[str]:
    """Yield the names on all pages.

    Raises `Invalid` for a list whose pages go on without a name that is new, and for one above `LISTED_NAMES`.
    """
    known, fruitless = set[str](), 0
    for _, raw in read_pages(host, first, most=_LARGEST_PAGE, name=name):
        names, before = names_of(raw), len(known)
        known.update(names)
        if len(known) > LISTED_NAMES:
            raise Invalid(
                f"the {name} of `{host.registry}` has more than {LISTED_NAMES:,} names", hint=_TOO_LONG
            )
        yield from names
        fruitless = 0 if len(known) > before else fruitless + 1
        if fruitless > _FRUITLESS:
            raise Invalid(f"the {name} of `{host.registry}` does not end", hint=PROXY)


def _refuses_size(error: RegistryError) -> bool:
    """Whether the first page may have been refused for its size.

    404 is the answer of some registries, and of proxies that match whole URLs. A list that is taken for missing would
    let every version count as unpublished, so the question is put again, unless the code says what is missing.
    """
    return error.status in _REFUSALS or (error.status == 404 and error.code != _NO_LIST)
