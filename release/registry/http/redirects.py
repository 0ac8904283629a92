"""Resolves URLs that a registry returns, and compares their origin with its own. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit


def absolute(current: str, text: str) -> SplitResult | None:
    """`text`, from the answer at `current`, as an absolute URL without its fragment.

    None unless it is a plain http or https URL: with a host, without a user name, without characters that URLs cannot
    have.
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
    """Scheme, host and port. A credential is sent only to an equal origin."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


def host_name(host: str) -> str:
    """A host without its port and without the brackets of IPv6."""
    return urlsplit(f"//{host}").hostname or ""
