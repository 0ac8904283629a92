"""URLs that a registry gives us: made absolute, and compared with its own place. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit


def absolute(current: str, text: str) -> SplitResult | None:
    """`text`, found in the answer from `current`, as a URL without its fragment.

    None where it is not a plain http or https URL: without a host, with a user name, with characters that no URL has.
    """
    if not all("!" <= character <= "~" for character in text):
        return None
    try:
        target = urlsplit(urljoin(current, text))
        host, _ = target.hostname, target.port
    except ValueError:
        return None
    if not host or target.scheme not in ("http", "https") or "@" in target.netloc:
        return None
    return target._replace(fragment="")


def origin_of(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port: what must be the same for a credential to go there."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


def host_name(host: str) -> str:
    """A host without its port and brackets."""
    return urlsplit(f"//{host}").hostname or ""
