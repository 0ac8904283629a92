"""Lists in pages: the next page's address from a `Link` header. Pure. Source: RFC 8288."""

from __future__ import annotations

import re

_LINK = re.compile(r"<([^<>\s]+)>([^<]*)")
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)', re.IGNORECASE)
_LONGEST = 16 * 1024


def next_link(header: str | None) -> str | None:
    """The target of the link with `rel="next"`, as it stands, or None."""
    for target, parameters in _LINK.findall((header or "")[:_LONGEST]):
        if _NEXT.search(parameters):
            return str(target)
    return None
