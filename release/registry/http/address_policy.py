"""Which addresses a registry may send us to. Pure.

A registry on the internet that names a token realm or a storage host in our own network, or the cloud's
metadata service, wants something that it cannot reach itself. Checked on the address that is connected to,
not on the name.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Reach(IntEnum):
    """How far an address can be seen, the wider the smaller."""

    GLOBAL = 0
    PRIVATE = 1
    LOOPBACK = 2
    LINK = 3  # link-local (metadata services), unspecified, multicast, reserved


def reach_of(address: str) -> Reach:
    """The reach of an IP address as text; what cannot be read counts as the narrowest."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Reach.LINK
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = _embedded(parsed)
        if inner is not None:
            return reach_of(str(inner))
    if parsed.is_loopback:
        return Reach.LOOPBACK
    if parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast:
        return Reach.LINK
    if parsed.is_global:
        return Reach.GLOBAL
    if isinstance(parsed, ipaddress.IPv4Address) and parsed.is_reserved:
        return Reach.LINK
    return Reach.PRIVATE


def may_lead_to(registry: Reach, address: Reach) -> bool:
    """Whether a registry of this reach may send us to an address of that reach."""
    if address is Reach.LINK:
        return registry is Reach.LINK
    return address <= registry


def is_loopback_host(host: str) -> bool:
    """Whether a host name, without port, is this machine by definition: `localhost`, `127.x`, `[::1]`."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4, NAT64."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
